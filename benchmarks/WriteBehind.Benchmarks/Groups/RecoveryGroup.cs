using System.Diagnostics;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Recovery;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// What an outage of PostgreSQL leaves, and what it takes to bring it home: in this warm process, for how the cost grows, and by a
/// silo that is new and serves writes meanwhile, for how long it takes and how much memory.
/// </summary>
internal sealed class RecoveryGroup : IBenchmarkGroup
{
    private const double WantedGrowth = 1.2;
    private const double WantedMemory = 2;
    private const double WantedSlowdown = 1.5;
    private const int Written = 2_000;
    private const int InFlight = 64;
    private const int WarmUpSize = 50_000;
    private static readonly TimeSpan OldEnough = TimeSpan.FromSeconds(6);

    public int Number => 6;

    public string Title => "Recovery after an outage";

    public string Unit => "entities";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        int[] sizes = run.IsQuick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000];
        await MeasureGrowthAsync(run, sizes);
        await MeasureNewProcessAsync(run, sizes);
        await MeasureWritesAsync(run, sizes[^1]);
    }

    private static async Task MeasureGrowthAsync(BenchmarkRun run, int[] sizes)
    {
        // Unmeasured: the runtime is to have compiled everything before the smallest size, which is over in no time.
        await FlushAsync(run, WarmUpSize, turns: 2);
        List<(double Seconds, double Bytes)> perEntity = [];
        Measurement? baseline = null;
        foreach (var size in sizes)
        {
            var samples = await FlushAsync(run, size, Math.Max(1, 200_000 / size));

            // The first of several turns connects everything.
            var measured = Measurement.Of(
                run.Group, "warm engine", $"{size:N0} dirty", samples.Count > 1 ? samples[1..] : samples, baseline);
            baseline ??= measured;
            run.Report.Add(measured);
            perEntity.Add((1 / measured.OpsPerSecond!.Value, measured.AllocatedBytesPerOp!.Value));
        }

        var seconds = perEntity.Max(cost => cost.Seconds) / perEntity.Min(cost => cost.Seconds);
        var bytes = perEntity.Max(cost => cost.Bytes) / perEntity.Min(cost => cost.Bytes);
        run.Goal(
            $"seconds per entity within {WantedGrowth} of each other, {sizes[0]:N0} to {sizes[^1]:N0}",
            $"{seconds:0.00}",
            seconds <= WantedGrowth);
        run.Goal(
            $"bytes per entity within {WantedGrowth} of each other, {sizes[0]:N0} to {sizes[^1]:N0}",
            $"{bytes:0.00}",
            bytes <= WantedGrowth);
    }

    /// <summary>Makes entities dirty and flushes them, some times over.</summary>
    private static async Task<List<Sample>> FlushAsync(BenchmarkRun run, int size, int turns)
    {
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        await using var engine = await EngineHost.StartAsync(workspace, sweeps: false);
        var ids = ProductIds.Create(size);
        var redisBytes = 0.0;
        var contender = new Contender($"{size:N0} dirty", async () =>
        {
            var started = Stopwatch.GetTimestamp();
            var flushed = await engine.FlushAllAsync();
            return new LoadResult(flushed, Stopwatch.GetElapsedTime(started), null);
        })
        {
            Before = async () =>
            {
                await workspace.EmptyTableAsync();
                var before = await RedisBytesAsync(run.Servers);
                await engine.FillAsync(ids);
                redisBytes = redisBytes > 0 ? redisBytes : (await RedisBytesAsync(run.Servers) - before) / size;
                await workspace.ExecuteAsync("CHECKPOINT");
            },
            Figures = () => new Dictionary<string, double> { ["Redis bytes per dirty entity"] = redisBytes },
        };
        List<Sample> samples = [];
        for (var i = 0; i < turns; i++)
        {
            samples.Add(await contender.TakeTurnAsync(run.Cpu));
            BenchmarkRun.Progress($"{contender.Name}: {samples[^1].OperationsPerSecond:N0} entities/s");
        }

        return samples;
    }

    private async Task MeasureNewProcessAsync(BenchmarkRun run, int[] sizes)
    {
        List<RecoveryFigures> all = [];
        Measurement? baseline = null;
        foreach (var size in new[] { sizes[0], sizes[^1] })
        {
            await using var workspace = await run.Servers.OpenWorkspaceAsync();
            await using (var writer = await EngineHost.StartAsync(workspace, sweeps: false))
            {
                await writer.FillAsync(ProductIds.Create(size));
            }

            // Sweep grains leave what is young to its owner; after an outage nothing is.
            await Task.Delay(OldEnough);
            BenchmarkRun.Progress($"{size:N0} dirty: a new silo recovers");
            var figures = await RecoveryProcess.RunAsync(workspace);
            all.Add(figures);
            var measured = new Measurement
            {
                Group = Number,
                Unit = Unit,
                Case = "new silo",
                Name = $"{size:N0} dirty",
                IsBaseline = baseline is null,
                OpsPerSecond = size / figures.CleanSeconds,
                P50Ms = figures.P50Ms,
                P99Ms = figures.P99Ms,
                Ratio = size / figures.CleanSeconds / (baseline?.OpsPerSecond ?? (size / figures.CleanSeconds)),
                Figures = new Dictionary<string, double>
                {
                    ["seconds to start"] = figures.StartSeconds,
                    ["seconds to clean"] = figures.CleanSeconds,
                    ["peak MB"] = figures.PeakMegabytes,
                    ["largest heap after a collection MB"] = figures.HeapMegabytes,
                    ["writes meanwhile"] = figures.Writes,
                    ["failed"] = figures.FailedWrites,
                },
            };
            baseline ??= measured;
            run.Report.Add(measured);
        }

        var memory = all[1].PeakMegabytes / all[0].PeakMegabytes;
        run.Goal(
            $"peak memory with {sizes[^1]:N0} at most {WantedMemory:0} times that with {sizes[0]:N0}",
            $"{memory:0.00} times", memory <= WantedMemory);
        var failed = all.Sum(figures => figures.FailedWrites);
        run.Goal("writes still acknowledged meanwhile", $"{all.Sum(figures => figures.Writes)} acknowledged, {failed} failed", failed == 0);
    }

    /// <summary>Writes while nothing is flushed, as in an outage: what a large backlog costs them.</summary>
    private static async Task MeasureWritesAsync(BenchmarkRun run, int backlog)
    {
        await using var emptyPlace = await run.Servers.OpenWorkspaceAsync();
        await using var fullPlace = await run.Servers.OpenWorkspaceAsync();
        await using var empty = await EngineHost.StartAsync(emptyPlace, sweeps: false);
        await using var full = await EngineHost.StartAsync(fullPlace, sweeps: false);
        await full.FillAsync(ProductIds.Create(backlog));
        var measured = await run.MeasureAsync(
            $"{InFlight} writes in flight",
            [
                await WritesAsync("with nothing else dirty", empty),
                await WritesAsync($"with {backlog:N0} dirty beside them", full),
            ]);
        var slowdown = measured[1].P99Ms!.Value / measured[0].P99Ms!.Value;
        run.Goal(
            $"99th percentile of a write with {backlog:N0} dirty beside it at most {WantedSlowdown} times that with none",
            $"{slowdown:0.00} times", slowdown <= WantedSlowdown);

        async Task<Contender> WritesAsync(string name, EngineHost engine)
        {
            var ids = ProductIds.Create(Written, "written");
            var sessions = Array.ConvertAll(ids, engine.Store.OpenSession);
            await Task.WhenAll(sessions.Select(session => session.LoadAsync()));
            return new Contender(name, () => LoadAsync(run.Turn)) { WarmUp = () => LoadAsync(run.WarmUp) };

            Task<LoadResult> LoadAsync(TimeSpan duration) => ClosedLoop.RunAsync(InFlight, duration, (caller, random) =>
            {
                var own = caller + (InFlight * random.Next(Written / InFlight));
                return sessions[own].SaveAsync(Product.New(ids[own]));
            });
        }
    }

    private static async Task<double> RedisBytesAsync(BenchmarkServers servers)
    {
        using var redis = await servers.ConnectRedisAsync();
        var info = (string?)await redis.GetDatabase().ExecuteAsync("INFO", "memory") ?? "";
        return double.Parse(
            info.Split('\n').First(line => line.StartsWith("used_memory:", StringComparison.Ordinal)).Split(':')[1],
            System.Globalization.CultureInfo.InvariantCulture);
    }
}
