using System.Text.Json;
using Silo.Testing;
using WriteBehind.TestTools;

namespace Silo.Tests.Support;

/// <summary>The client as a process of its own.</summary>
internal static class ClientProcess
{
    /// <summary>Longer than a run takes on a busy machine, a drain and a wait for a dead silo included.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>A busy machine may take longer than the client's own patience to find a silo.</summary>
    public static ChildProcess Start(ServiceServers servers, params string[] arguments)
        => ChildProcess.Start(
            "dotnet",
            [Programs.Client, .. arguments.Contains("--timeout") ? (string[])[] : ["--timeout", "60"], .. arguments],
            servers.Environment);

    /// <summary>Runs it to its end; returns its exit code, and all it wrote.</summary>
    public static async Task<(int Code, string Output)> RunAsync(ServiceServers servers, params string[] arguments)
    {
        await using var client = Start(servers, arguments);
        var code = await client.WaitForExitAsync(Patience);
        return (code, string.Join('\n', client.Output.Concat(client.Errors)));
    }

    /// <summary>The same for a command that must be done, and says so in JSON.</summary>
    public static async Task<JsonElement> AskAsync(ServiceServers servers, params string[] arguments)
    {
        var options = arguments.TakeWhile(argument => argument != "--");
        var (code, output) = await RunAsync(servers, [.. options, "--json", .. arguments.Skip(options.Count())]);
        Assert.True(code == 0, output);
        return JsonDocument.Parse(output).RootElement;
    }
}
