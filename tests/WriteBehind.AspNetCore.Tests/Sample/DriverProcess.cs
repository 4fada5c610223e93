using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

/// <summary>The driver as a process of its own.</summary>
internal static class DriverProcess
{
    /// <summary>Longer than a run takes on a busy machine, a drain and a wait for a lease included.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static ChildProcess Start(SampleServers servers, params string[] arguments) => ChildProcess.Start(
        "dotnet",
        [SamplePaths.Driver, .. arguments],
        servers.Environment);

    /// <summary>Runs it to its end.</summary>
    /// <returns>Its exit code, and all it wrote.</returns>
    public static async Task<(int Code, string Output)> RunAsync(SampleServers servers, params string[] arguments)
    {
        await using var driver = Start(servers, arguments);
        var code = await driver.WaitForExitAsync(Patience);
        return (code, string.Join('\n', driver.Output.Concat(driver.Errors)));
    }
}
