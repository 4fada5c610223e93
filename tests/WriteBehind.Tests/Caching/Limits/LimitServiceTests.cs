using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.RateLimits;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class LimitServiceTests
{
    [Fact]
    public async Task Every_decision_is_counted_by_its_outcome()
    {
        var name = SharedServers.FreshName("metered");
        var counts = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Name == WriteBehindDiagnostics.LimitDecisions)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            var all = new Dictionary<string, object?>(tags.ToArray());
            if (name.Equals(all[WriteBehindDiagnostics.LimitTag]))
            {
                counts.AddOrUpdate((string)all[WriteBehindDiagnostics.OutcomeTag]!, value, (_, sum) => sum + value);
            }
        });
        listener.Start();
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(redis.Configuration, "limit", more: services => services.AddWriteBehindEngine()
            .AddRateLimit(name, options
                => (options.Permits, options.Window, options.Timeout) = (2, TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(30))));
        var limiter = service.Limits.For(name, "ann");
        for (var i = 0; i < 5; i++)
        {
            await limiter.AcquireAsync();
        }

        await redis.KillAsync();
        await service.Limits.For(name, "bob").AcquireAsync();

        Assert.Equal(
            new Dictionary<string, long> { ["admitted"] = 2, ["rejected"] = 1, ["rejected_locally"] = 2, ["admitted_unchecked"] = 1 },
            counts.ToDictionary());
    }

    [Fact]
    public async Task A_cluster_takes_the_decisions_of_many_callers_at_once()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var service = LimitService.Start(cluster.Configuration, "limit", options
            => (options.Permits, options.Window, options.WhenAway) = (1, TimeSpan.FromMinutes(10), WhenRedisIsAway.Reject));

        for (var round = 0; round < 2; round++)
        {
            var leases = await Task.WhenAll(
                Enumerable.Range(0, 200).Select(i => service.Limits.For(LimitService.Limit, $"caller {i}").AcquireAsync().AsTask()));
            Assert.All(leases, lease => Assert.False(lease.TryGetMetadata(LimitMetadata.Unchecked, out _)));
            Assert.All(leases, lease => Assert.Equal(round == 0, lease.IsAcquired));
        }
    }
}
