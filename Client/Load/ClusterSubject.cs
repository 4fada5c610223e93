using Client.Cluster;
using Client.Verification;
using Proof;
using Proof.Load;
using Proof.Verification;

namespace Client.Load;

/// <summary>A cluster that is there already, and stays.</summary>
internal sealed class ClusterSubject(ClusterConnection cluster, Verify verify) : IProofSubject
{
    public string Mode => "orleans";

    public IMovementTarget Target { get; } = new GrainTarget(cluster.Grains);

    public string? LogFile => null;

    public async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        var report = await cluster.Operator.GetStatusAsync().WaitAsync(cancellationToken);
        return $"{string.Join(", ", report.Silos.Select(silo => silo.Address))} (cluster '{cluster.Settings.ClusterId}')";
    }

    public Task<ServiceStatus?> TryGetStatusAsync(CancellationToken cancellationToken)
        => ClusterStatus.TryGetAsync(cluster, cancellationToken);

    public Task CrashAsync(CancellationToken cancellationToken)
        => throw new NotSupportedException("Only a process that the run started is killed.");

    public Task<IReadOnlyList<Mismatch>> CheckAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => verify.CompareAsync(EntityKinds.Stock, ids, cancellationToken);

    public Task StopAsync() => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
