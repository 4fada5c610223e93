using System.Globalization;
using Npgsql;
using WriteBehind.Benchmarks.Cluster;
using WriteBehind.Benchmarks.Grains;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// Acknowledged writes as users have them: a client process calls grains on three silo processes. Every turn has a cluster of its own, so
/// that its first seconds are seen, too. The processor time of this process, "own", is the client's.
/// </summary>
internal sealed class ClusterGroup : IBenchmarkGroup
{
    private const int Entities = 5_000;
    private const double Wanted = 1.3;

    private static readonly int[] FewInFlight = [1, 4, 16, 64];
    private static readonly TimeSpan FirstSeconds = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Until the compiler rests, but no longer: on two cores five processes take one to two minutes for it, this project's silos the
    /// longest. Before that it is the compiler that is measured; so one long turn each says more than several short ones.
    /// </summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(4);

    public int Number => 11;

    public string Title
        => $"Cluster: three silo processes, a client process, {Entities:N0} entities, {GrainContenders.InFlight} in flight";

    public string Unit => "writes";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);

        // What this process holds from other groups; PostgreSQL has a hundred in all.
        NpgsqlConnection.ClearAllPools();
        var measured = await run.MeasureAsync(
            "",
            [
                Of<IRedisProductGrain>(run, "Persistence.Redis, WriteStateAsync per call"),
                Of<IAdoNetProductGrain>(run, "Persistence.AdoNet on PostgreSQL, WriteStateAsync per call"),
                Of<IRowProductGrain>(run, "EF Core, a transaction per call"),
                Of<IUnsavedProductGrain>(run, "a grain that saves nothing"),
                Of<IWriteBehindProductGrain>(run, ContenderNames.Own),
            ],
            rounds: 1);
        var (baseline, own) = (measured[0], measured[^1]);
        run.Goal(
            string.Create(CultureInfo.InvariantCulture, $"at least {Wanted} times the baseline"),
            string.Create(CultureInfo.InvariantCulture, $"{own.Ratio:0.00} times"),
            own.Ratio >= Wanted);
        run.Goal(
            "99th percentile lower than the baseline's",
            string.Create(CultureInfo.InvariantCulture, $"{own.P99Ms:0.00} ms against {baseline.P99Ms:0.00} ms"),
            own.P99Ms < baseline.P99Ms);
        Compare(run, "processor time of the silos no more than the baseline's", "silo cpu µs", baseline, own, most: 1);
        var rows = own.Figures!["rows per transaction"];
        run.Goal(
            "at least 30 rows per flush transaction", string.Create(CultureInfo.InvariantCulture, $"{rows:0.0}"), rows >= 30);
    }

    private static void Compare(
        BenchmarkRun run, string goal, string figure, Measurement baseline, Measurement own, double most)
    {
        var (theirs, ours) = (baseline.Figures![figure], own.Figures![figure]);
        run.Goal(goal, string.Create(CultureInfo.InvariantCulture, $"{ours:0.0} against {theirs:0.0}"), ours <= most * theirs);
    }

    private static Contender Of<TGrain>(BenchmarkRun run, string name)
        where TGrain : IProductGrain
    {
        ClusterTurn<TGrain>? turn = null;
        return new Contender(name, () => turn!.MeasureAsync(run.Turn + run.Turn))
        {
            WarmUp = static () => Task.CompletedTask,
            Before = async () =>
            {
                turn = await ClusterTurn<TGrain>.StartAsync(run, ProductIds.Create(Entities));
                await turn.BeginAsync(FirstSeconds, run.Pick(run.WarmUp, WarmUp));
                foreach (var few in FewInFlight)
                {
                    await turn.TryAsync(few, run.Turn / 2);
                }
            },
            Figures = () => turn!.Figures,
            After = async () =>
            {
                // There is none after the warm-up, which belongs to each turn here.
                await (turn?.DisposeAsync() ?? default);
                turn = null;
            },
        };
    }
}
