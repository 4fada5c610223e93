using WriteBehind.Caching;
using WriteBehind.Tests.Configuration;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

/// <summary>On three real masters: whatever crossed a slot would be answered with CROSSSLOT or MOVED.</summary>
public sealed class CacheClusterTests(RedisClusterFixture fixture) : IClassFixture<RedisClusterFixture>
{
    [Fact]
    public async Task Reads_writes_and_every_kind_of_invalidation_work_over_all_slots_and_reach_the_other_node()
    {
        static void Sharded(CacheOptions cache) => (cache.Shards, cache.LocalCapacity) = (16, 1000);
        await using var node = await CacheNode.StartAsync(Sharded, Sharded, redis: fixture.Cluster.Configuration);
        await using var other = await node.StartOtherAsync(Sharded, Sharded);
        string[] keys = [.. Enumerable.Range(0, 100).Select(static i => $"k{i}")];
        var loads = 0;
        Task<IReadOnlyDictionary<string, Page>> LoadAsync(IReadOnlyList<string> missing, CancellationToken cancellationToken)
        {
            var load = Interlocked.Increment(ref loads);
            return Task.FromResult<IReadOnlyDictionary<string, Page>>(missing.ToDictionary(static key => key, _ => new Page(load)));
        }

        async Task ReadAsync(CacheNode by, long load) => await Eventually.TrueAsync(async () =>
            (await by.Cache.GetOrLoadManyAsync(keys, LoadAsync, ["red"])).Values.All(page => page.Number == load));

        await ReadAsync(node, 1);
        await ReadAsync(other, 1);
        await node.Cache.RemoveAsync(keys);
        await ReadAsync(node, 2);
        await ReadAsync(other, 2);
        await node.Cache.RemoveTagAsync("red");
        await ReadAsync(node, 3);
        await ReadAsync(other, 3);
        await node.Cache.RemoveAllAsync();
        await ReadAsync(node, 4);
        await ReadAsync(other, 4);

        await Task.WhenAll(keys.Select((key, i) => node.Readings.SetAsync(key, new Reading { Count = i })));
        Assert.Equal(4950, (await other.Readings.GetManyAsync(keys)).Values.Sum(static row => row.State.Count));
    }
}
