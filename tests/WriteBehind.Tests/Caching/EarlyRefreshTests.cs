using WriteBehind.Caching;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

/// <summary>
/// Refreshes before the expiry, made all but certain: the entry is made to look as if its load had taken 100 s, and β is set to its most
/// where reads are to draw one.
/// </summary>
public sealed class EarlyRefreshTests
{
    [Fact]
    public async Task What_one_node_has_refreshed_the_others_take_from_redis_and_do_not_load_again()
    {
        CacheOptions? near = null, far = null;
        await using var node = await CacheNode.StartAsync(cache => near = cache);
        await using var other = await node.StartOtherAsync(cache =>
        {
            far = cache;
            (cache.LocalCapacity, cache.LocalTtl, cache.SyncInterval) = (1000, TimeSpan.FromHours(1), TimeSpan.FromSeconds(10));
        });
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await LookDearAsync(node, "a");

        // The other one has a copy in its first level. Then this one refreshes it.
        await Eventually.TrueAsync(async () =>
        {
            using var local = new LocalHits(node.Name);
            await other.Cache.GetOrLoadAsync("a", loader.LoadAsync);
            return local.Count > 0;
        });
        near!.EarlyRefresh = 100;
        await Eventually.TrueAsync(async () => (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
        near.EarlyRefresh = 0;

        // By its copy, which it still gives, the other one would refresh as well.
        Assert.Equal(1, (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        far!.EarlyRefresh = 100;
        await Eventually.TrueAsync(async () => (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number > 1);
        Assert.Equal(2, (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal((2, 1), (loader.Calls, counters[CacheDiagnostics.EarlyRefreshes]));
    }

    [Fact]
    public async Task A_refresh_that_failed_is_not_tried_again_for_a_while()
    {
        CacheOptions? settings = null;
        await using var node = await CacheNode.StartAsync(cache =>
        {
            settings = cache;
            cache.StalePause = TimeSpan.FromHours(1);
        });
        var loader = new Loader
        {
            OnCall = static call => call == 1 ? Task.FromResult<Page?>(new Page(1)) : throw new TimeoutException("database down"),
        };
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await LookDearAsync(node, "a");

        settings!.EarlyRefresh = 100;
        var redis = await SharedServers.RedisAsync();
        await Eventually.TrueAsync(async () =>
            (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 1
                && await redis.SendAsync("HGET", node.KeyOf("e1:a"), "p") is not null);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        }

        Assert.Equal(2, loader.Calls);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task What_one_read_of_many_keys_refreshes_is_one_load(int localCapacity)
    {
        CacheOptions? settings = null;
        await using var node = await CacheNode.StartAsync(cache =>
        {
            settings = cache;
            (cache.LocalCapacity, cache.LocalTtl, cache.SyncInterval) = (localCapacity, TimeSpan.FromHours(1), TimeSpan.FromSeconds(10));
        });
        string[] keys = [.. Enumerable.Range(0, 50).Select(static i => $"k{i}")];
        var loads = new System.Collections.Concurrent.ConcurrentQueue<IReadOnlyList<string>>();
        Task<IReadOnlyDictionary<string, Page>> LoadAsync(IReadOnlyList<string> wanted, CancellationToken cancellationToken)
        {
            loads.Enqueue(wanted);
            return Task.FromResult<IReadOnlyDictionary<string, Page>>(wanted.ToDictionary(static key => key, static _ => new Page(1)));
        }

        await using var other = await node.StartOtherAsync();
        await other.Cache.GetOrLoadManyAsync(keys, LoadAsync);
        foreach (var key in keys)
        {
            await LookDearAsync(node, key);
        }

        // Into the first level, where there is one.
        await Eventually.TrueAsync(async () =>
        {
            using var local = new LocalHits(node.Name);
            await node.Cache.GetOrLoadManyAsync(keys, LoadAsync);
            return local.Count == (localCapacity == 0 ? 0 : keys.Length);
        });
        settings!.EarlyRefresh = 100;
        await node.Cache.GetOrLoadManyAsync(keys, LoadAsync);
        settings.EarlyRefresh = 0;
        await Eventually.TrueAsync(() => loads.Count > 1);

        Assert.Equal(keys.Length, loads.First().Count);
        Assert.True(loads.ElementAt(1).Count > 1, "each of 50 keys was due with a chance of 97 %");
        Assert.Equal(2, loads.Count);
    }

    private static Task LookDearAsync(CacheNode node, string key) => node.SetFieldAsync(key, "c", "100000");
}
