using System.Diagnostics;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// Entities that an engine finds in Redis and knows nothing of: read, saved to an empty table, settled. Engines are new for each turn.
/// </summary>
internal sealed class DirtyToCleanGroup : IBenchmarkGroup
{
    private const double WantedPerSecond = 60_000;
    private const double WantedOfSink = 0.5;

    public int Number => 5;

    public string Title => "Dirty to clean, cold, from Redis alone";

    public string Unit => "entities";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        await using var writer = await EngineHost.StartAsync(workspace, sweeps: false);
        var ids = ProductIds.Create(run.Pick(30_000, 100_000));
        var measured = await run.MeasureAsync(
            "",
            [
                Flush("per-key WATCH transactions", options => options.SettleGroup = 1),
                Flush(ContenderNames.Own, null),
                SinkAlone("the sink alone, one batch after the other", 1),
                SinkAlone("the sink alone, four batches at once", 4),
            ]);
        var (own, sink) = (measured[1].OpsPerSecond ?? 0, measured[2].OpsPerSecond ?? 1);
        run.Goal($"at least {WantedPerSecond:N0} entities/s", $"{own:N0}", own >= WantedPerSecond);
        run.Goal(
            $"at least {WantedOfSink} of the sink alone (one batch after the other)", $"{own / sink:0.00}", own / sink >= WantedOfSink);

        Contender Flush(string name, Action<EntityTypeOptions<Product>>? entity)
        {
            EngineHost? flusher = null;
            return new Contender(name, async () =>
            {
                var started = Stopwatch.GetTimestamp();
                var flushed = await flusher!.FlushAllAsync();
                return new LoadResult(flushed, Stopwatch.GetElapsedTime(started), null);
            })
            {
                Before = async () =>
                {
                    await workspace.EmptyTableAsync();
                    await writer.FillAsync(ids);
                    flusher = await EngineHost.StartAsync(workspace, sweeps: false, entity);
                },
                After = async () => await flusher!.DisposeAsync(),
            };
        }

        Contender SinkAlone(string name, int batchesAtOnce)
        {
            var sink = writer.CreateSink();
            var version = 0L;
            SaveItem<Product>[][] batches = [];
            return new Contender(name, async () =>
            {
                var started = Stopwatch.GetTimestamp();
                var options = new ParallelOptions { MaxDegreeOfParallelism = batchesAtOnce };
                await Parallel.ForEachAsync(batches, options, async (batch, cancellationToken) =>
                    await sink.SaveAsync(batch, DateTimeOffset.UtcNow.AddMinutes(1), TimeSpan.FromSeconds(10), cancellationToken));
                return new LoadResult(ids.Length, Stopwatch.GetElapsedTime(started), null);
            })
            {
                Before = async () =>
                {
                    await workspace.EmptyTableAsync();
                    version++;
                    batches = [.. ids.Select(id => new SaveItem<Product>(id, version, Product.New(id))).Chunk(writer.Options.BatchSize)];
                },
            };
        }
    }
}
