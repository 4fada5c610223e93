using System.Diagnostics;
using System.Threading.RateLimiting;
using WriteBehind.Caching.Limits;
using WriteBehind.Testing;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class LimitOutageTests
{
    [Theory]
    [InlineData(WhenRedisIsAway.Admit)]
    [InlineData(WhenRedisIsAway.Reject)]
    public async Task While_redis_hangs_the_answer_is_the_one_that_was_chosen_and_comes_soon_and_afterwards_the_limit_is_back(WhenRedisIsAway choice)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(redis.Configuration, "limit", options =>
        {
            (options.Permits, options.Window, options.WhenAway) = (2, TimeSpan.FromMinutes(10), choice);
            (options.Timeout, options.AwayPause) = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1));
        });
        await Eventually.TrueAsync(
            async () => !(await AskAsync()).TryGetMetadata(LimitMetadata.Unchecked, out _), because: "the connection is made, however slow the machine is");
        await redis.FreezeAsync();

        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < 200; i++)
        {
            var lease = await AskAsync();
            Assert.Equal(choice == WhenRedisIsAway.Admit, lease.IsAcquired);
            Assert.True(SlidingWindowTests.Metadata(lease, LimitMetadata.Unchecked));
            Assert.Equal(choice == WhenRedisIsAway.Reject, lease.TryGetMetadata(MetadataName.RetryAfter, out _));
        }

        // One time-out for all of them, or two where the machine is slow; not one for each.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromMilliseconds(150), TimeSpan.FromSeconds(10));
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
            => (options.Permits, options.Window, options.Shards, options.WhenAway) = (1, TimeSpan.FromMinutes(10), 1, WhenRedisIsAway.Reject));
        await (await SharedServers.RedisAsync()).SendAsync("SET", service.KeyOf("odd", shards: 1), "something else");

        string[] callers = ["a", "odd", "b", "odd", "c"];
        var leases = await Task.WhenAll(callers.Select(key => service.Limits.For(LimitService.Limit, key).AcquireAsync().AsTask()));
        Assert.Equal([true, false, true, false, true], leases.Select(lease => lease.IsAcquired));
    }
}
