using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class ClockTests
{
    [Fact]
    public async Task Processes_whose_clocks_differ_by_days_share_one_window()
    {
        var redis = (await SharedServers.RedisAsync()).Configuration;
        var prefix = SharedServers.FreshName("limit");
        await using var right = Start(TimeSpan.Zero);
        await using var ahead = Start(TimeSpan.FromDays(3));
        await using var behind = Start(TimeSpan.FromDays(-3));

        var leases = new List<bool>();
        for (var i = 0; i < 6; i++)
        {
            foreach (var service in new[] { ahead, behind, right })
            {
                leases.Add((await service.Limits.For(LimitService.Limit, "ann").AcquireAsync()).IsAcquired);
            }
        }

        Assert.Equal(Enumerable.Range(0, 18).Select(i => i < 5), leases);

        LimitService Start(TimeSpan off) => LimitService.Start(
            redis,
            prefix,
            options => (options.Permits, options.Window) = (5, TimeSpan.FromMinutes(10)),
            services => services.AddSingleton<TimeProvider>(new WrongTime(off)));
    }

    [Fact]
    public async Task Where_redis_was_set_back_the_limit_holds_and_a_caller_waits_one_window_at_most()
    {
        // What a failover to a server whose clock is an hour behind leaves: permits that were taken an hour from now.
        await using var service = await LimitService.StartAsync(
            options => (options.Permits, options.Window) = (3, TimeSpan.FromSeconds(2)));
        var redis = await SharedServers.RedisAsync();
        var later = (DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds() * 1000).ToString(CultureInfo.InvariantCulture);
        await redis.SendAsync("RPUSH", service.KeyOf("ann"), later, later, later);

        var rejected = await service.Limits.For(LimitService.Limit, "ann").AcquireAsync();

        Assert.False(rejected.IsAcquired);
        Assert.InRange(
            SlidingWindowTests.Metadata(rejected, System.Threading.RateLimiting.MetadataName.RetryAfter),
            TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(2));
        Assert.NotEqual("-1", await redis.SendAsync("PTTL", service.KeyOf("ann")));
        await Eventually.TrueAsync(async () => (await service.Limits.For(LimitService.Limit, "ann").AcquireAsync()).IsAcquired);
    }

    /// <summary>The time of a machine that is set wrong.</summary>
    private sealed class WrongTime(TimeSpan off) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + off;
    }
}
