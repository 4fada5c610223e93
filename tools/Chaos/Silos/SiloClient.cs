using WriteBehind.TestTools;

namespace Chaos.Silos;

/// <summary>A process that calls the silos through the Orleans client, as the run sees it.</summary>
internal sealed class SiloClient(string name, string folder, IReadOnlyList<SiloProcess> silos, int seed, long epoch) : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);

    /// <summary>A call that is under way may be repeated for some seconds.</summary>
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(60);

    private ChildProcess? _process;

    public async Task StartAsync()
    {
        _process = ChildProcess.StartDotnet(
            typeof(SiloClient).Assembly.Location,
            ClientProgram.Arguments(name, folder, silos.Select(static silo => silo.GatewayPort), seed, epoch),
            new Dictionary<string, string?> { ["DOTNET_TieredPGO"] = "0" });
        await _process.WaitForLineAsync(static line => line == "ready", StartTime);
    }

    /// <summary>Ends its calls, and it.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            await process.WriteLineAsync("stop");
            await process.WaitForLineAsync(static line => line == "stopped", StopTime);
            await process.WaitForExitAsync(StopTime);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            await process.DisposeAsync();
        }
    }
}
