using System.Globalization;
using Client.Cluster;
using Client.Verification;
using Proof;
using Proof.Load;
using Proof.Processes;
using Proof.Verification;

namespace Client.Load;

/// <summary>A few silos on this machine, as processes of their own, in a cluster that nobody else is in.</summary>
internal sealed class SiloFleet : IProofSubject
{
    /// <summary>Longer than it takes the others to notice that a silo died.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>What a silo may take for its stop, and what it is left beyond that before it is killed.</summary>
    private static readonly TimeSpan StopBudget = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    private readonly ProofSetup _setup;
    private readonly string _clusterId = $"proof-{Environment.ProcessId}";
    private readonly ServiceProcess[] _silos;
    private readonly FleetTarget _target = new();
    private ClusterConnection? _cluster;

    public SiloFleet(ProofSetup setup, int silos)
    {
        _setup = setup;
        var ports = LoopbackPorts.Find(2 * silos);
        _silos = [.. Enumerable.Range(0, silos).Select(i => new ServiceProcess(Settings(i, ports[2 * i], ports[(2 * i) + 1]), setup.Http))];
    }

    public string Mode => "orleans";

    public IMovementTarget Target => _target;

    public string? LogFile => string.Join(", ", _silos.Select(silo => silo.LogFile));

    public async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        // The first one alone: silos that start together in an empty cluster may each take a while to agree on who is there.
        var first = await _silos[0].StartAsync(cancellationToken);
        var others = await Task.WhenAll(_silos.Skip(1).Select(silo => silo.StartAsync(cancellationToken)));
        _cluster = await OpenAsync(cancellationToken);
        _target.Use(new GrainTarget(_cluster.Grains));
        return $"{first} (live page: {new Uri(first, "/writebehind")}, log: {_silos[0].LogFile})" +
            $"{string.Concat(others.Select(address => $", {address}"))}: {_silos.Length} silos";
    }

    public async Task<ServiceStatus?> TryGetStatusAsync(CancellationToken cancellationToken)
    {
        // A silo that ended by itself must not go unnoticed because the others go on.
        foreach (var silo in _silos)
        {
            if (silo.WaitUpAsync(cancellationToken) is { IsFaulted: true } ended)
            {
                await ended;
            }
        }

        return _cluster is null ? null : await ClusterStatus.TryGetAsync(_cluster, cancellationToken);
    }

    public Task CrashAsync(CancellationToken cancellationToken)
    {
        var silo = _silos[^1];
        silo.Kill();
        return silo.StartAsync(cancellationToken);
    }

    public async Task<IReadOnlyList<Mismatch>> CheckAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        await using var verify = await Verify.OpenAsync(_cluster!, _setup.Postgres, cancellationToken);
        return await verify.CompareAsync(EntityKinds.Stock, ids, cancellationToken);
    }

    public async Task StopAsync()
    {
        await CloseAsync();

        // One after the other, as a deployment would: what one leaves is flushed by the next.
        foreach (var silo in _silos)
        {
            await silo.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await Task.WhenAll(_silos.Select(silo => silo.DisposeAsync().AsTask()));
    }

    private async Task CloseAsync()
    {
        if (_cluster is { } cluster)
        {
            _cluster = null;
            await cluster.DisposeAsync();
        }
    }

    private async Task<ClusterConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await ClusterConnection.OpenAsync(
                new(ClusterSettings.ParseRedis(_setup.Redis), _clusterId, "writebehind", ClusterSettings.ReadKeyPrefix(), Patience),
                cancellationToken);
        }
        catch (NoSiloException e)
        {
            throw new RunFailedException(e.Message, e);
        }
    }

    private ServiceSettings Settings(int index, int siloPort, int gatewayPort) => new(
        string.Create(CultureInfo.InvariantCulture, $"silo {index + 1}"),
        _setup.Options.Service!,
        new Dictionary<string, string>
        {
            ["WRITEBEHIND_REDIS"] = _setup.Redis,
            ["WRITEBEHIND_POSTGRES"] = _setup.Postgres,
            ["WRITEBEHIND_CLUSTER_ID"] = _clusterId,
            ["WRITEBEHIND_ADDRESS"] = "127.0.0.1",
            ["WRITEBEHIND_SILO_PORT"] = siloPort.ToString(CultureInfo.InvariantCulture),
            ["WRITEBEHIND_GATEWAY_PORT"] = gatewayPort.ToString(CultureInfo.InvariantCulture),
            ["WRITEBEHIND_CREATE_SCHEMA"] = "true",
            ["WRITEBEHIND_SHUTDOWN_SECONDS"] = StopBudget.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        },
        LogOf(index),
        StopBudget + Grace);

    // run.log becomes run.log, run.2.log, run.3.log: the first is the one that the caller named.
    private string LogOf(int index) => index == 0
        ? _setup.Options.Log
        : Path.ChangeExtension(
            _setup.Options.Log, string.Create(CultureInfo.InvariantCulture, $"{index + 1}{Path.GetExtension(_setup.Options.Log)}"));
}
