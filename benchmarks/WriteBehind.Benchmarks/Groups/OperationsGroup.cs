using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// What it costs that a change counts once: the same changes of the same entities by one engine, with an operation id and without, in short
/// turns one after the other. PostgreSQL follows all the while.
/// </summary>
internal sealed class OperationsGroup : IBenchmarkGroup
{
    private const int Entities = 5_000;
    private const int InFlight = 256;
    private const double Wanted = 1.25;

    private static readonly byte[] Result = new byte[8];

    public int Number => 12;

    public string Title => $"Operations that count once: changes of {Entities:N0} entities and of one, {InFlight} in flight";

    public string Unit => "changes";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        using var redis = await run.Servers.ConnectRedisAsync();
        await using var host = await EngineHost.StartAsync(workspace, sweeps: true);
        var ids = ProductIds.Create(Entities);
        var states = Array.ConvertAll(ids, Product.New);
        var store = host.Store;
        var kept = new MemoSize(redis, workspace.Prefix, host.Options);

        await CompareAsync(
            "update",
            id => store.UpdateAsync(ids[id], product => (product ?? Product.New(ids[id])).Add(1)),
            id => store.UpdateAsync(
                ids[id], OperationId.New(), product => (product ?? Product.New(ids[id])).Add(1), static _ => Result));
        await CompareAsync(
            "put", id => store.SetAsync(ids[id], states[id]), id => store.SetAsync(ids[id], OperationId.New(), states[id]));
        // Its changes share writes, and memos can't be shared: a figure without a goal.
        await CompareAsync(
            "update of one entity",
            _ => store.UpdateAsync(ids[0], product => (product ?? Product.New(ids[0])).Add(1)),
            _ => store.UpdateAsync(ids[0], OperationId.New(), product => (product ?? Product.New(ids[0])).Add(1), static _ => Result),
            hasGoal: false);

        async Task CompareAsync(string test, Func<int, Task> plain, Func<int, Task> once, bool hasGoal = true)
        {
            var measured = await run.MeasureAsync(
                test,
                [
                    Load("without an id", plain),
                    Load("with an id", once) with { Figures = kept.Read },
                ],
                run.Pick(5, 9));
            var (without, with) = (measured[0], measured[1]);
            foreach (var (whose, ratio) in new[]
            {
                ("Redis'", with.RedisCpuUsPerOp / without.RedisCpuUsPerOp),
                ("own", with.OwnCpuUsPerOp / without.OwnCpuUsPerOp),
            })
            {
                if (!hasGoal)
                {
                    return;
                }

                run.Goal($"{test}: at most {Wanted} times {whose} processor time", $"{ratio:0.00} times", ratio <= Wanted);
            }
        }

        Contender Load(string name, Func<int, Task> write)
            => new(name, () => LoadAsync(run.Pick(TimeSpan.FromSeconds(0.7), TimeSpan.FromSeconds(1.5)), write))
            {
                WarmUp = () => LoadAsync(run.Pick(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8)), write),
                After = () => host.FlushAllAsync(),
            };
    }

    /// <summary>Each caller changes entities of its own, as far as there are many.</summary>
    private static Task<LoadResult> LoadAsync(TimeSpan duration, Func<int, Task> write)
        => ClosedLoop.RunAsync(InFlight, duration, (caller, random) =>
        {
            var own = (Entities - caller + InFlight - 1) / InFlight;
            return write(caller + (InFlight * random.Next(own)));
        });
}
