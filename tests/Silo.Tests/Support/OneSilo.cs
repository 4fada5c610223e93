using Silo.Testing;

namespace Silo.Tests.Support;

/// <summary>
/// One silo in development, for the tests of a class that do it no harm. Boards last longer than any test, so that one that changes was
/// invalidated and did not expire.
/// </summary>
public sealed class OneSilo : IAsyncLifetime
{
    private SiloProcess? _silo;

    public ServiceServers Servers { get; } = new();

    public HttpClient Http => _silo!.Http;

    /// <summary>What the silo has written so far.</summary>
    public IReadOnlyList<string> Output => [.. _silo!.Process.Output];

    public async Task InitializeAsync()
    {
        await Servers.InitializeAsync();
        _silo = await SiloProcess.StartAsync(Servers, new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["WriteBehind__Caches__leaders__Ttl"] = "00:10:00",
            ["WriteBehind__Limits__score__Timeout"] = "00:00:30",
            ["WriteBehind__Types__stock__WriteThroughTimeout"] = "00:00:08",
        });
    }

    public async Task DisposeAsync()
    {
        if (_silo is not null)
        {
            await _silo.DisposeAsync();
        }

        await Servers.DisposeAsync();
    }
}
