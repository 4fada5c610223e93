using System.Globalization;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class LimitMemoryTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_caller_that_never_stops_takes_no_more_memory_than_its_limit(bool countRejected)
    {
        await using var service = await LimitService.StartAsync(options
            => (options.Permits, options.Window, options.CountRejected) = (100, TimeSpan.FromMinutes(10), countRejected));
        var redis = await SharedServers.RedisAsync();
        await HammerAsync(service, 100);
        var full = await MemoryAsync();
        await HammerAsync(service, 3_000);

        Assert.Equal(100, await service.CountAsync("ann"));
        Assert.InRange(await MemoryAsync(), 1, full + 512);
        Assert.InRange(full, 1, 100 * 20);

        async Task<long> MemoryAsync() => long.Parse(
            await redis.SendAsync("MEMORY", "USAGE", service.KeyOf("ann"), "SAMPLES", "0") ?? "", CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_caller_key_of_any_length_is_a_short_key_in_redis_and_still_one_of_its_own()
    {
        await using var service = await LimitService.StartAsync(
            options => (options.Permits, options.Window) = (1, TimeSpan.FromMinutes(10)));
        var (one, other) = (new string('x', 100_000), new string('x', 100_000) + "y");

        Assert.True((await service.Limits.For(LimitService.Limit, one).AcquireAsync()).IsAcquired);
        Assert.False((await service.Limits.For(LimitService.Limit, one).AcquireAsync()).IsAcquired);
        Assert.True((await service.Limits.For(LimitService.Limit, other).AcquireAsync()).IsAcquired);
        Assert.True((await service.Limits.For(LimitService.Limit, "").AcquireAsync()).IsAcquired);
        Assert.InRange(service.KeyOf(one).Length, 1, 200);
    }

    [Fact]
    public async Task A_key_that_nobody_asks_for_any_more_is_gone_a_second_after_its_window_at_most()
    {
        await using var service = await LimitService.StartAsync(
            options => (options.Permits, options.Window) = (5, TimeSpan.FromMinutes(1)));
        await service.Limits.For(LimitService.Limit, "ann").AcquireAsync();
        var redis = await SharedServers.RedisAsync();

        var left = long.Parse(await redis.SendAsync("PTTL", service.KeyOf("ann")) ?? "", CultureInfo.InvariantCulture);

        Assert.InRange(left, 1, 61_000);
    }

    [Fact]
    public async Task A_key_that_an_earlier_release_had_end_sooner_lasts_as_long_as_what_is_added_to_it()
    {
        await using var service = await LimitService.StartAsync(
            options => (options.Permits, options.Window) = (5, TimeSpan.FromMinutes(10)));
        var redis = await SharedServers.RedisAsync();
        await service.Limits.For(LimitService.Limit, "ann").AcquireAsync();
        await redis.SendAsync("PEXPIRE", service.KeyOf("ann"), "60000");

        await service.Limits.For(LimitService.Limit, "ann").AcquireAsync();

        var left = long.Parse(await redis.SendAsync("PTTL", service.KeyOf("ann")) ?? "", CultureInfo.InvariantCulture);
        Assert.InRange(left, 590_000, 601_000);
    }

    [Fact]
    public async Task The_end_of_a_key_is_put_off_by_who_adds_so_that_no_permit_is_forgotten_within_its_window()
    {
        await using var service = await LimitService.StartAsync(
            options => (options.Permits, options.Window) = (1_000, TimeSpan.FromMinutes(1)));
        var redis = await SharedServers.RedisAsync();
        var limiter = service.Limits.For(LimitService.Limit, "ann");
        var taken = 0;

        // Calls of one period do not put it off again; over several of them it has to follow.
        var until = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(until) < TimeSpan.FromSeconds(3) && taken++ < 900)
        {
            Assert.True((await limiter.AcquireAsync()).IsAcquired);
            var left = await redis.SendAsync("EVAL", LeftAfterTheNewest, "1", service.KeyOf("ann"));
            Assert.InRange(long.Parse(left ?? "", CultureInfo.InvariantCulture), 60_000, 61_100);
        }
    }

    /// <summary>From when the newest permit was taken to the end of the key, in ms.</summary>
    private const string LeftAfterTheNewest = """
        local newest = math.floor(redis.call('LINDEX', KEYS[1], -1) / 1000)
        return tostring(redis.call('PEXPIRETIME', KEYS[1]) - newest)
        """;

    private static async Task HammerAsync(LimitService service, int calls)
        => await Task.WhenAll(
            Enumerable.Range(0, calls).Select(_ => service.Limits.For(LimitService.Limit, "ann").AcquireAsync().AsTask()));
}
