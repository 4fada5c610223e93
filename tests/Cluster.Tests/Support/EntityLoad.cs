using Client.Cluster;
using Client.Verification;
using Npgsql;
using Proof.Load;
using Proof.Verification;
using Proof.Workload;

namespace Cluster.Tests.Support;

/// <summary>The load on one entity type.</summary>
/// <param name="kind">Where its entities are found.</param>
/// <param name="select">Reads id, sum and number of the changes of all its rows.</param>
/// <param name="workload">What is written, on entities that nothing was written to yet.</param>
/// <param name="callers">How many write at once.</param>
/// <param name="write">Makes a change; returns the number of changes that the entity has seen with it.</param>
internal sealed class EntityLoad(EntityKind kind, string select, IWorkload workload, int callers, Func<string, long, Task<long>> write)
{
    private readonly RecordedTarget _target = new(write);
    private LoadRunner? _runner;

    public long Acknowledged => _runner?.Statistics.Acknowledged ?? 0;

    /// <summary>All that callers were told of.</summary>
    public IEnumerable<Exception> Failures => _target.Failures;

    public Task RunAsync(CancellationToken stop)
    {
        _runner = new LoadRunner(workload, _target, callers);
        return _runner.RunAsync(() => { }, stop);
    }

    /// <summary>
    /// Looks for anything acknowledged that is not in PostgreSQL, and anything in which grains, Redis and PostgreSQL differ.
    /// </summary>
    public async Task AssertNothingLostAsync(RunningCluster cluster)
    {
        Assert.Empty(
            Verifier.Compare(new Dictionary<string, StockRow>(), await ReadAsync(cluster.Postgres), workload.Ids, _runner!.Ledgers));
        Assert.Empty(_target.AcknowledgedTwice);
        await using var verify = await Verify.OpenAsync(
            cluster.Grains, cluster.RedisOptions, ClusterSettings.ReadKeyPrefix(), cluster.Postgres, CancellationToken.None);
        Assert.Empty(await verify.CompareAsync(kind, workload.Ids, CancellationToken.None));
    }

    private async Task<Dictionary<string, StockRow>> ReadAsync(string postgres)
    {
        var written = workload.Ids.ToHashSet();
        var rows = new Dictionary<string, StockRow>();
        await using var database = NpgsqlDataSource.Create(postgres);
        await using var command = database.CreateCommand(select);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            if (written.Contains(reader.GetString(0)))
            {
                rows.Add(reader.GetString(0), new(reader.GetInt64(1), reader.GetInt64(2)));
            }
        }

        return rows;
    }
}
