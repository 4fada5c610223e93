using System.Threading.RateLimiting;
using WriteBehind.Benchmarks.Caching;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Savers;
using WriteBehind.Benchmarks.Servers;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// The read side, beside what is written by hand over the same Redis: cold and hot reads, many keys at once, rate limits.
/// </summary>
internal sealed class CachingGroup : IBenchmarkGroup
{
    private const int Entities = 5_000;
    private const int InFlight = 64;
    private const int ManyKeys = 500;
    private const int ManyInFlight = 8;
    private const int LimitedCallers = 1_000;

    public int Number => 10;

    public string Title
        => $"Caching: stampedes of {Stampede.Readers:N0} readers, hot gets and multi-gets over {Entities:N0} entities, rate limits";

    public string Unit => "calls";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        using var redis = await run.Servers.ConnectRedisAsync();
        await using var node = await CacheHost.StartAsync(workspace);
        await using var second = await CacheHost.StartAsync(workspace);
        await using var third = await CacheHost.StartAsync(workspace);
        await new RowSet(Entities).PrepareTableAsync(workspace, isInsert: false);
        var ids = ProductIds.Create(Entities);
        var rows = new ProductRows(workspace);
        var plain = new PlainCacheAside(redis.GetDatabase(), workspace.Prefix);
        await using var peers = new Peers(redis, workspace.Prefix);

        await StampedeAsync(run, rows, ids[0], plain, peers, [node.Cache, second.Cache, third.Cache]);
        await Task.WhenAll((await rows.LoadManyAsync(ids)).Select(pair => plain.SetAsync(pair.Key, pair.Value)));
        await HotGetAsync(run, rows, ids, plain, peers, node);
        await MultiGetAsync(run, rows, ids, plain, node);
        await LimitAsync(run, new FixedWindow(redis.GetDatabase(), workspace.Prefix), peers, node.Limits);
    }

    private static async Task StampedeAsync(
        BenchmarkRun run, ProductRows rows, string id, PlainCacheAside plain, Peers peers, ICache[] nodes)
    {
        var stampede = new Stampede(rows, run.Pick(2, 10));
        var measured = await run.MeasureAsync(
            "cold stampede",
            [
                stampede.Contender("get, load, set", (key, _) => plain.GetOrLoadAsync(key, () => rows.LoadAsync(id))),
                stampede.Contender(
                    "get, lock of DistributedLock.Redis, load, set", (key, _) => peers.LockedAsync(plain, key, () => rows.LoadAsync(id))),
                stampede.Contender("HybridCache", (key, _) => peers.HybridAsync(key, () => rows.LoadAsync(id))),
                stampede.Contender(
                    ContenderNames.Own, (key, _) => nodes[0].GetOrLoadAsync(key, token => rows.LoadAsync(id, token)).AsTask()),
                stampede.Contender($"{ContenderNames.Own}, readers on {nodes.Length} nodes", (key, reader) =>
                    nodes[reader % nodes.Length].GetOrLoadAsync(key, token => rows.LoadAsync(id, token)).AsTask()),
            ]);
        foreach (var own in measured.Where(static other => other.Name.StartsWith(ContenderNames.Own, StringComparison.Ordinal)))
        {
            var loads = own.Figures![Stampede.LoadsFigure];
            run.Goal($"{own.Name}: one load for {Stampede.Readers:N0} readers of a cold key", $"{loads:0.##}", loads <= 1);
        }
    }

    private static async Task HotGetAsync(
        BenchmarkRun run, ProductRows rows, string[] ids, PlainCacheAside plain, Peers peers, CacheHost node)
    {
        var measured = await run.MeasureAsync(
            "hot get",
            [
                new Contender("StringGet", () => LoadAsync(run, InFlight, random => plain.GetAsync(Any(random)))),
                Peer("HybridCache", withFirstLevel: true),
                Peer("HybridCache, no first level", withFirstLevel: false),
                Own(ContenderNames.Own, node.Cache),
                Own($"{ContenderNames.Own}, no first level", node.BareCache),
            ]);
        Reach(run, "hot get, no first level: at least 0.8 times StringGet", measured[0], measured[^1], 0.8);

        string Any(Random random) => ids[random.Next(ids.Length)];

        Contender Peer(string name, bool withFirstLevel)
        {
            return new(name, () => LoadAsync(run, InFlight, random => GetAsync(Any(random))))
            {
                Before = () => Task.WhenAll(ids.Select(GetAsync)),
            };

            Task<Product?> GetAsync(string id) => peers.HybridAsync(id, () => rows.LoadAsync(id), withFirstLevel);
        }

        Contender Own(string name, ICache cache) => new(name, () => LoadAsync(run, InFlight, async random =>
        {
            var id = Any(random);
            await cache.GetOrLoadAsync(id, token => rows.LoadAsync(id, token));
        }))
        {
            Before = () => cache.GetOrLoadManyAsync(ids, rows.LoadManyAsync),
        };
    }

    private static async Task MultiGetAsync(BenchmarkRun run, ProductRows rows, string[] ids, PlainCacheAside plain, CacheHost node)
    {
        var measured = await run.MeasureAsync(
            $"multi-get of {ManyKeys}",
            [
                new Contender(
                    $"{ManyKeys} StringGet at once", () => LoadAsync(run, ManyInFlight, random => plain.GetEachAsync(Some(random)))),
                new Contender("one MGET", () => LoadAsync(run, ManyInFlight, random => plain.GetTogetherAsync(Some(random)))),
                Own(ContenderNames.Own, node.Cache),
                Own($"{ContenderNames.Own}, no first level", node.BareCache),
            ]);
        Reach(run, "multi-get, no first level: at least 0.9 times one MGET", measured[1], measured[^1], 0.9);

        IEnumerable<string> Some(Random random) => new ArraySegment<string>(ids, random.Next(ids.Length - ManyKeys), ManyKeys);

        Contender Own(string name, ICache cache)
            => new(name, () => LoadAsync(run, ManyInFlight, random => cache.GetOrLoadManyAsync(Some(random), rows.LoadManyAsync)))
            {
                Before = () => cache.GetOrLoadManyAsync(ids, rows.LoadManyAsync),
            };
    }

    private static async Task LimitAsync(BenchmarkRun run, FixedWindow plain, Peers peers, IRateLimits limits)
    {
        const string Baseline = "INCR, EXPIRE at the first (fixed window)";
        string[] callers = ProductIds.Create(LimitedCallers, "caller");
        var theirs = Array.ConvertAll(callers, caller => peers.LimiterOf(caller, CacheHost.WideWindow));
        var wide = Array.ConvertAll(callers, caller => limits.For(CacheHost.WideLimit, caller));
        var narrow = limits.For(CacheHost.NarrowLimit, callers[0]);
        await run.MeasureAsync(
            "limiter, one caller",
            [
                new Contender(Baseline, () => LoadAsync(run, InFlight, _ => plain.TryAcquireAsync(callers[0]))),
                new Contender(ContenderNames.Own, () => LoadAsync(run, InFlight, _ => AdmitAsync(wide[0]))),
                new Contender(
                    $"{ContenderNames.Own}, over its limit",
                    () => LoadAsync(run, InFlight, async _ => (await narrow.AcquireAsync()).Dispose())),
            ]);
        var measured = await run.MeasureAsync(
            $"limiter, {LimitedCallers:N0} callers",
            [
                new Contender(
                    Baseline, () => LoadAsync(run, InFlight, random => plain.TryAcquireAsync(callers[random.Next(callers.Length)]))),
                new Contender(
                    "RedisRateLimiting, sliding window",
                    () => LoadAsync(run, InFlight, random => AdmitAsync(theirs[random.Next(theirs.Length)]))),
                new Contender(ContenderNames.Own, () => LoadAsync(run, InFlight, random => AdmitAsync(wide[random.Next(wide.Length)]))),
            ]);
        Reach(run, "limiter: at least 0.5 times INCR", measured[0], measured[^1], 0.5);
        Reach(run, "limiter: at least twice RedisRateLimiting", measured[1], measured[^1], 2);
    }

    private static void Reach(BenchmarkRun run, string goal, Measurement baseline, Measurement own, double wanted)
    {
        var ratio = own.OpsPerSecond!.Value / baseline.OpsPerSecond!.Value;
        run.Goal(goal, $"{ratio:0.00} times", ratio >= wanted);
    }

    private static async Task AdmitAsync(RateLimiter limiter)
    {
        using var lease = await limiter.AcquireAsync();
        if (!lease.IsAcquired || lease.TryGetMetadata(LimitMetadata.Unchecked, out _))
        {
            throw new InvalidOperationException("A call below its limit was rejected, or was admitted without a look at Redis.");
        }
    }

    private static Task<LoadResult> LoadAsync(BenchmarkRun run, int callers, Func<Random, Task> call)
        => ClosedLoop.RunAsync(callers, run.Pick(TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(1.5)), async (_, random) =>
        {
            await call(random);

            // What is answered from memory never waits; without this it would keep the threads from all else that goes on in the process.
            if (random.Next(256) == 0)
            {
                await Task.Yield();
            }
        });
}
