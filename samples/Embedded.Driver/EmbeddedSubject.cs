using Embedded.Driver.Load;
using Proof;
using Proof.Load;
using Proof.Processes;

namespace Embedded.Driver;

/// <summary>samples/Embedded as a child process, written to over its bulk socket.</summary>
internal sealed class EmbeddedSubject : IProofSubject
{
    private const int Connections = 4;

    // A .NET host has 30 s for its stop.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(45);

    private readonly ServiceProcess _service;
    private readonly ConnectionPool _connections;
    private readonly StatusClient _statuses;

    public EmbeddedSubject(ProofSetup setup)
    {
        _service = new(
            new(
                "service",
                setup.Options.Service!,
                new Dictionary<string, string> { ["WRITEBEHIND_REDIS"] = setup.Redis, ["WRITEBEHIND_POSTGRES"] = setup.Postgres },
                setup.Options.Log,
                StopTimeout),
            setup.Http);
        _connections = new(_service, Connections);
        _statuses = new(setup.Http);
    }

    public string Mode => "engine";

    public IMovementTarget Target => _connections;

    public string? LogFile => _service.LogFile;

    public async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        var address = await _service.StartAsync(cancellationToken);
        return $"{address} (live page: {new Uri(address, "/writebehind")}, log: {_service.LogFile})";
    }

    public Task<ServiceStatus?> TryGetStatusAsync(CancellationToken cancellationToken)
        => _service.TryGetStatusAsync(_statuses, cancellationToken);

    public Task CrashAsync(CancellationToken cancellationToken)
    {
        _service.Kill();
        return _service.StartAsync(cancellationToken);
    }

    public Task StopAsync() => _service.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _connections.DisposeAsync();
        await _service.DisposeAsync();
    }
}
