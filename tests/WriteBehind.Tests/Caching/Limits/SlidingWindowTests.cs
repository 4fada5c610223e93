using System.Threading.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.RateLimits;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class SlidingWindowTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

    [Theory]
    [OnBoth]
    public async Task Of_many_calls_at_once_exactly_the_limit_is_admitted_and_the_others_are_told_when_to_come_back(Servers on)
    {
        await using var service = await LimitService.StartAsync(on, options => (options.Permits, options.Window) = (20, Long));
        var leases = await Task.WhenAll(
            Enumerable.Range(0, 300).Select(_ => service.Limits.For(LimitService.Limit, "ann").AcquireAsync().AsTask()));

        Assert.Equal(20, leases.Count(lease => lease.IsAcquired));
        Assert.All(leases.Where(lease => !lease.IsAcquired), lease =>
        {
            Assert.InRange(Metadata(lease, MetadataName.RetryAfter), TimeSpan.FromMinutes(9), Long);
            Assert.Equal(0, Metadata(lease, LimitMetadata.Remaining));
            Assert.NotEmpty(Metadata(lease, MetadataName.ReasonPhrase)!);
        });
        Assert.Equal(
            Enumerable.Range(0, 20),
            leases.Where(lease => lease.IsAcquired).Select(lease => Metadata(lease, LimitMetadata.Remaining)).Order());
        Assert.All(leases, lease => Assert.Equal(new WindowLimit(20, Long), Metadata(lease, LimitMetadata.Limit)));
        Assert.Contains(MetadataName.RetryAfter.Name, leases.First(lease => !lease.IsAcquired).MetadataNames);
    }

    [Theory]
    [OnBoth]
    public async Task A_caller_key_has_a_window_of_its_own_and_may_have_a_limit_of_its_own(Servers on)
    {
        await using var service = await LimitService.StartAsync(on, options =>
        {
            (options.Permits, options.Window) = (2, Long);
            options.LimitOf = key => key == "gold" ? new WindowLimit(5, Long) : null;
        });

        Assert.Equal(2, await AdmittedAsync(service, "ann", 10));
        Assert.Equal(2, await AdmittedAsync(service, "bob", 10));
        Assert.Equal(5, await AdmittedAsync(service, "gold", 10));
    }

    [Theory]
    [OnBoth]
    public async Task A_call_is_admitted_again_as_soon_as_the_wait_it_was_told_is_over(Servers on)
    {
        var window = TimeSpan.FromSeconds(8);
        await using var service = await LimitService.StartAsync(on, options => (options.Permits, options.Window) = (2, window));
        var limiter = service.Limits.For(LimitService.Limit, "ann");
        var first = await limiter.AcquireAsync();
        await limiter.AcquireAsync();
        var rejected = await limiter.AcquireAsync();
        Assert.False(rejected.IsAcquired);
        var told = Metadata(rejected, LimitMetadata.DecidedAt) + Metadata(rejected, MetadataName.RetryAfter).TotalMicroseconds;
        Assert.Equal(Metadata(first, LimitMetadata.DecidedAt) + window.TotalMicroseconds, told);

        RateLimitLease? admitted = null;
        await Eventually.TrueAsync(async () => (admitted = await limiter.AcquireAsync()).IsAcquired);

        Assert.InRange(Metadata(admitted!, LimitMetadata.DecidedAt), told, told + Eventually.DefaultDeadline.TotalMicroseconds);
    }

    [Fact]
    public async Task What_has_left_the_window_is_free_again_however_much_it_is()
    {
        const int Permits = 1_000;
        await using var service = await LimitService.StartAsync(options => (options.Permits, options.Window) = (Permits, Long));
        var redis = await SharedServers.RedisAsync();
        foreach (var gone in new[] { 0, 1, 2, 3, 7, 499, 998, 999, Permits })
        {
            var key = $"gone {gone}";
            await redis.SendAsync("EVAL", TakenBefore, "1", service.KeyOf(key), $"{Permits}", $"{gone}", $"{Long.TotalMicroseconds}");

            var lease = await service.Limits.For(LimitService.Limit, key).AcquireAsync();

            Assert.Equal((gone > 0, Math.Max(gone - 1, 0)), (lease.IsAcquired, Metadata(lease, LimitMetadata.Remaining)));
            Assert.Equal(Permits - gone + (gone > 0 ? 1 : 0), await service.CountAsync(key));
        }
    }

    /// <summary>A window that is full, of which so many were taken longer ago than it lasts.</summary>
    private const string TakenBefore = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        for i = 1, ARGV[1] do
          local ago = i <= tonumber(ARGV[2]) and ARGV[3] + 1000000 or 1000000
          redis.call('RPUSH', KEYS[1], string.format('%.0f', now - ago + i))
        end
        """;

    private static readonly string[] Callers = ["ann", "text", "words", "ann", "bob"];

    [Fact]
    public async Task A_key_that_holds_something_else_is_an_error_of_that_caller_alone()
    {
        await using var service = await LimitService.StartAsync(options => (options.Permits, options.Window) = (1, Long));
        var redis = await SharedServers.RedisAsync();
        await redis.SendAsync("SET", service.KeyOf("text"), "x");
        await redis.SendAsync("RPUSH", service.KeyOf("words"), "x", "y");

        var leases = await Task.WhenAll(Callers.Select(
            key => service.Limits.For(LimitService.Limit, key).AcquireAsync().AsTask()));

        Assert.Equal([true, true, true, false, true], leases.Select(static lease => lease.IsAcquired));
        Assert.Equal(
            [false, true, true, false, false], leases.Select(static lease => lease.TryGetMetadata(LimitMetadata.Unchecked, out _)));
    }

    [Theory]
    [OnBoth]
    public async Task Several_permits_are_granted_together_or_not_at_all_and_none_at_all_may_be_asked_for(Servers on)
    {
        await using var service = await LimitService.StartAsync(on, options => (options.Permits, options.Window) = (10, Long));
        var limiter = service.Limits.For(LimitService.Limit, "ann");

        Assert.True((await limiter.AcquireAsync(7)).IsAcquired);
        Assert.False((await limiter.AcquireAsync(4)).IsAcquired);
        Assert.True((await limiter.AcquireAsync(0)).IsAcquired);
        Assert.True((await limiter.AcquireAsync(3)).IsAcquired);
        Assert.False((await limiter.AcquireAsync(0)).IsAcquired);
        Assert.Equal(0, limiter.GetStatistics()!.CurrentAvailablePermits);
        var error = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => limiter.AcquireAsync(11).AsTask());
        Assert.Contains("10 permits", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.AttemptAcquire(11));
    }

    [Theory]
    [OnBoth(false)]
    [OnBoth(true)]
    public async Task Rejected_attempts_use_up_the_window_only_where_they_count(Servers on, bool countRejected)
    {
        await using var service = await LimitService.StartAsync(on, options
            => (options.Permits, options.Window, options.CountRejected) = (5, Long, countRejected));
        var attempts = new List<RateLimitLease>();
        for (var i = 0; i < 40; i++)
        {
            attempts.Add(await service.Limits.For(LimitService.Limit, "ann").AcquireAsync());
        }

        // The wait runs from the oldest attempt that counts: the first one that was admitted, or the fifth last of all.
        Assert.Equal(Enumerable.Range(0, 40).Select(i => i < 5), attempts.Select(lease => lease.IsAcquired));
        var oldest = Metadata(attempts[countRejected ? 35 : 0], LimitMetadata.DecidedAt);
        var free = Metadata(attempts[39], LimitMetadata.DecidedAt) + Metadata(attempts[39], MetadataName.RetryAfter).TotalMicroseconds;
        Assert.Equal(oldest + Long.TotalMicroseconds, free);
    }

    [Fact]
    public async Task A_caller_that_is_known_to_be_over_its_limit_does_not_reach_redis()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(
            redis.Configuration, "limit", options => (options.Permits, options.Window) = (1, Long));
        var limiter = service.Limits.For(LimitService.Limit, "ann");
        Assert.True((await limiter.AcquireAsync()).IsAcquired);
        Assert.False((await limiter.AcquireAsync()).IsAcquired);
        await redis.KillAsync();

        var rejected = await limiter.AcquireAsync();

        Assert.False(rejected.IsAcquired);
        Assert.False(rejected.TryGetMetadata(LimitMetadata.Unchecked, out _));
        Assert.InRange(Metadata(rejected, MetadataName.RetryAfter), TimeSpan.FromMinutes(9), Long);
    }

    [Theory]
    [OnBoth]
    public async Task Who_asks_for_several_permits_is_told_their_wait_and_not_that_of_one(Servers on)
    {
        await using var service = await LimitService.StartAsync(on, options => (options.Permits, options.Window) = (2, Long));
        var limiter = service.Limits.For(LimitService.Limit, "ann");
        await limiter.AcquireAsync();
        var second = await limiter.AcquireAsync();
        Assert.False((await limiter.AcquireAsync()).IsAcquired);

        var both = await limiter.AcquireAsync(2);

        Assert.False(both.IsAcquired);
        var free = Metadata(both, LimitMetadata.DecidedAt) + Metadata(both, MetadataName.RetryAfter).TotalMicroseconds;
        Assert.Equal(Metadata(second, LimitMetadata.DecidedAt) + Long.TotalMicroseconds, free);
    }

    [Theory]
    [OnBoth]
    public async Task One_partitioned_limiter_can_have_partitions_of_several_limits(Servers on)
    {
        await using var service = await LimitService.StartAsync(
            on, options => (options.Permits, options.Window) = (3, Long),
            services => services.AddWriteBehindEngine().AddRateLimit("login", options
                => (options.Permits, options.Window, options.Timeout) = (1, Long, TimeSpan.FromSeconds(30))));
        using var limiter = PartitionedRateLimiter.Create<string, string>(limit => service.Limits.Partition(limit, "ann"));

        Assert.True((await limiter.AcquireAsync(LimitService.Limit)).IsAcquired);
        Assert.True((await limiter.AcquireAsync("login")).IsAcquired);
        Assert.False((await limiter.AcquireAsync("login")).IsAcquired);
        Assert.True((await limiter.AcquireAsync(LimitService.Limit)).IsAcquired);
    }

    [Theory]
    [OnBoth]
    public async Task Statistics_tell_what_this_limiter_decided_and_what_was_left(Servers on)
    {
        await using var service = await LimitService.StartAsync(on, options => (options.Permits, options.Window) = (3, Long));
        var limiter = service.Limits.For(LimitService.Limit, "ann");
        Assert.Equal(3, limiter.GetStatistics()!.CurrentAvailablePermits);
        Assert.False(limiter.AttemptAcquire().IsAcquired);
        await limiter.AcquireAsync();
        await limiter.AcquireAsync(3);
        var statistics = limiter.GetStatistics()!;

        Assert.Equal((2, 0, 1, 1), (statistics.CurrentAvailablePermits,
            statistics.CurrentQueuedCount, statistics.TotalSuccessfulLeases, statistics.TotalFailedLeases));
        Assert.NotNull(limiter.IdleDuration);
        await limiter.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => limiter.AcquireAsync().AsTask());
    }

    private static async Task<int> AdmittedAsync(LimitService service, string key, int calls)
    {
        using var limiter = service.Limits.Partitioned<string>(LimitService.Limit, resource => resource);
        var leases = await Task.WhenAll(Enumerable.Range(0, calls).Select(_ => limiter.AcquireAsync(key).AsTask()));
        return leases.Count(lease => lease.IsAcquired);
    }

    internal static T Metadata<T>(RateLimitLease lease, MetadataName<T> name)
        => lease.TryGetMetadata(name, out var value) ? value! : throw new KeyNotFoundException($"The lease has no {name.Name}.");
}
