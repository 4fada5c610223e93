using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Savers;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>Rows saved to PostgreSQL over one connection at a time, without Redis.</summary>
internal sealed class FlushGroup : IBenchmarkGroup
{
    private const double WantedOfSaveChanges = 10;
    private const double WantedOfBareLoop = 0.9;

    public int Number => 4;

    public string Title => "Flush: rows saved to PostgreSQL, one batch after the other";

    public string Unit => "rows";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        await using var engine = await EngineHost.StartAsync(workspace, sweeps: false);
        IRowSaver[] savers =
        [
            new SaveChangesSaver(workspace),
            new BareUpsertSaver(workspace),
            new CopyMergeSaver(workspace),
            new SinkSaver(engine.CreateSink()),
        ];
        foreach (var isInsert in new[] { true, false })
        {
            foreach (var size in new[] { 1_000, 5_000 })
            {
                await MeasureAsync(run, workspace, savers, isInsert, size);
            }
        }
    }

    private static async Task MeasureAsync(BenchmarkRun run, Workspace workspace, IRowSaver[] savers, bool isInsert, int size)
    {
        var rows = new RowSet(run.Pick(10_000, 40_000));
        var test = $"{(isInsert ? "insert" : "update")} {size:N0}";
        var measured = await run.MeasureAsync(
            test,
            [.. savers.Select(saver =>
            {
                Prepared? prepared = null;
                return new Contender(saver.Name, () => BatchLoop.RunAsync(prepared!.Batches))
                {
                    Before = async () =>
                    {
                        await rows.PrepareTableAsync(workspace, isInsert);
                        prepared = await saver.PrepareAsync(rows, size);
                    },
                    After = async () => await prepared!.DisposeAsync(),
                };
            })]);
        var (own, bare) = (measured[3], measured[1]);
        run.Goal(
            $"{test}: at least {WantedOfSaveChanges:0} times SaveChanges", $"{own.Ratio:0.0} times", own.Ratio >= WantedOfSaveChanges);
        var share = own.OpsPerSecond / bare.OpsPerSecond;
        run.Goal($"{test}: at least {WantedOfBareLoop} of the bare loop", $"{share:0.00}", share >= WantedOfBareLoop);
    }
}
