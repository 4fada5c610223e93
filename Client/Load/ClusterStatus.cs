using Client.Cluster;
using Proof;

namespace Client.Load;

/// <summary>The cluster's status as a run needs it.</summary>
internal static class ClusterStatus
{
    /// <summary>Null while nobody answers.</summary>
    public static async Task<ServiceStatus?> TryGetAsync(ClusterConnection cluster, CancellationToken cancellationToken)
    {
        try
        {
            var report = await cluster.Operator.GetStatusAsync().WaitAsync(cancellationToken);
            return new ServiceStatus(
                report.Types.Sum(type => type.Dirty), report.Types.Sum(type => type.DeadLetters),
                report.Silos.Sum(silo => silo.RowsApplied));
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return null;
        }
    }
}
