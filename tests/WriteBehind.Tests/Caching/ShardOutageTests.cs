using System.Collections.Concurrent;
using System.Globalization;
using WriteBehind.Redis;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class ShardOutageTests
{
    [Fact]
    public async Task With_one_master_of_a_cluster_down_the_entries_of_the_others_are_used_stored_and_unlocked()
    {
        await using var cluster = await RedisCluster.StartAsync();
        foreach (var server in cluster.Nodes)
        {
            await server.SendAsync("CONFIG", "SET", "cluster-require-full-coverage", "no");
        }

        await using var node = await CacheNode.StartAsync(static cache => cache.Shards = 16, redis: cluster.Configuration);
        string[] keys = [.. Enumerable.Range(0, 100).Select(static i => $"k{i}")];
        var up = new List<string>();
        foreach (var key in keys)
        {
            // The first node has the first third of the slots.
            var slot = await cluster.Nodes[1].SendAsync("CLUSTER", "KEYSLOT", $"{{cache.{node.Name}:{ShardHash.ShardOf(key, 16):00}}}");
            if (int.Parse(slot!, CultureInfo.InvariantCulture) >= 16_384 / 3)
            {
                up.Add(key);
            }
        }

        Assert.InRange(up.Count, 1, keys.Length - 1);
        var loads = new ConcurrentDictionary<string, int>();
        Task<IReadOnlyDictionary<string, Page>> LoadAsync(IReadOnlyList<string> missing, CancellationToken cancellationToken)
            => Task.FromResult<IReadOnlyDictionary<string, Page>>(
                missing.ToDictionary(static key => key, key => new Page(loads.AddOrUpdate(key, 1, static (_, n) => n + 1))));
        await node.Cache.GetOrLoadManyAsync(keys[..50], LoadAsync);
        await using var other = await node.StartOtherAsync(static cache => cache.Shards = 16);
        Assert.Single(await other.Cache.GetOrLoadManyAsync(keys[..1], LoadAsync));
        await cluster.Nodes[0].KillAsync();

        // Half of them were there, the others are loaded now; of those that are up each is loaded once in all.
        Assert.Equal(100, (await node.Cache.GetOrLoadManyAsync(keys, LoadAsync)).Count);
        Assert.Equal(100, (await node.Cache.GetOrLoadManyAsync(keys, LoadAsync)).Count);
        Assert.All(up, key => Assert.Equal(1, loads[key]));
        Assert.Equal(up.Count, (await other.Cache.GetOrLoadManyAsync(up, LoadAsync)).Count);
        Assert.All(up, key => Assert.Equal(1, loads[key]));
        Assert.All(keys.Except(up), key => Assert.InRange(loads[key], 2, 3));
    }
}
