using System.Diagnostics;
using System.Globalization;
using System.Threading.RateLimiting;
using WriteBehind.RateLimits;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class LimitOutageTests
{
    [Theory]
    [InlineData(WhenRedisIsAway.Admit)]
    [InlineData(WhenRedisIsAway.Reject)]
    public async Task While_redis_hangs_the_answer_is_the_one_that_was_chosen_and_comes_soon_and_afterwards_the_limit_is_back(
        WhenRedisIsAway choice)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(redis.Configuration, "limit", options =>
        {
            (options.Permits, options.Window, options.WhenAway) = (2, TimeSpan.FromMinutes(10), choice);
            (options.Timeout, options.AwayPause) = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));
        });
        await Eventually.TrueAsync(
            async () => !(await AskAsync()).TryGetMetadata(LimitMetadata.Unchecked, out _),
            because: "the connection is made, however slow the machine is");
        await redis.FreezeAsync();

        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < 200; i++)
        {
            var lease = await AskAsync();
            Assert.Equal(choice == WhenRedisIsAway.Admit, lease.IsAcquired);
            Assert.True(SlidingWindowTests.Metadata(lease, LimitMetadata.Unchecked));
            Assert.Equal(choice == WhenRedisIsAway.Reject, lease.TryGetMetadata(MetadataName.RetryAfter, out _));
        }

        // One time-out for all of them, or a few where the machine is slow; not one for each, which would be 40 s.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromMilliseconds(150), TimeSpan.FromSeconds(20));
        await redis.ThawAsync();
        await Eventually.TrueAsync(async () => !(await AskAsync()).TryGetMetadata(LimitMetadata.Unchecked, out _));
        await Eventually.TrueAsync(async () =>
        {
            var lease = await AskAsync();
            return !lease.IsAcquired && !lease.TryGetMetadata(LimitMetadata.Unchecked, out _);
        });

        ValueTask<RateLimitLease> AskAsync() => service.Limits.For(LimitService.Limit, "ann").AcquireAsync();
    }

    [Fact]
    public async Task With_one_master_of_a_cluster_down_only_the_callers_that_it_serves_are_unchecked()
    {
        await using var cluster = await RedisCluster.StartAsync();
        foreach (var node in cluster.Nodes)
        {
            await node.SendAsync("CONFIG", "SET", "cluster-require-full-coverage", "no");
        }

        await using var service = LimitService.Start(
            cluster.Configuration, "limit", options => options.AwayPause = TimeSpan.FromMinutes(1));
        string[] callers = [.. Enumerable.Range(0, 50).Select(static i => $"caller {i}")];
        var down = new HashSet<string>();
        foreach (var caller in callers)
        {
            Assert.False(await IsUncheckedAsync(caller));

            // The first node has the first third of the slots.
            if (int.Parse(
                (await cluster.Nodes[1].SendAsync("CLUSTER", "KEYSLOT", service.KeyOf(caller)))!,
                CultureInfo.InvariantCulture) < 16_384 / 3)
            {
                down.Add(caller);
            }
        }

        await cluster.Nodes[0].KillAsync();
        await Eventually.TrueAsync(() => IsUncheckedAsync(down.First()));

        foreach (var caller in callers)
        {
            Assert.Equal(down.Contains(caller), await IsUncheckedAsync(caller));
        }

        async Task<bool> IsUncheckedAsync(string caller)
            => (await service.Limits.For(LimitService.Limit, caller).AcquireAsync()).TryGetMetadata(LimitMetadata.Unchecked, out _);
    }

    [Fact]
    public async Task A_redis_that_is_away_from_the_start_is_no_error_either()
    {
        await using var service = LimitService.Start("127.0.0.1:1,connectTimeout=200,connectRetry=1", "limit");
        var lease = await service.Limits.For(LimitService.Limit, "ann").AcquireAsync();
        Assert.True(lease.IsAcquired);
        Assert.True(SlidingWindowTests.Metadata(lease, LimitMetadata.Unchecked));
    }

    [Fact]
    public async Task A_key_that_is_not_of_this_library_harms_only_itself()
    {
        await using var service = await LimitService.StartAsync(options
            => (options.Permits,
                options.Window, options.Shards, options.WhenAway) = (1, TimeSpan.FromMinutes(10), 1, WhenRedisIsAway.Reject));
        await (await SharedServers.RedisAsync()).SendAsync("SET", service.KeyOf("odd", shards: 1), "something else");

        string[] callers = ["a", "odd", "b", "odd", "c"];
        var leases = await Task.WhenAll(callers.Select(key => service.Limits.For(LimitService.Limit, key).AcquireAsync().AsTask()));
        Assert.Equal([true, false, true, false, true], leases.Select(lease => lease.IsAcquired));
    }
}
