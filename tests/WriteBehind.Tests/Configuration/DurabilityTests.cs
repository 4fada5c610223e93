using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using WriteBehind.Health;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

public sealed class DurabilityTests
{
    public static TheoryData<bool, string, string> NotDurable => new()
    {
        { false, "noeviction", "Set appendonly yes" },
        { true, "allkeys-lru", "drops unflushed writes. Set maxmemory-policy noeviction" },
        { true, "volatile-ttl", "drops fences before their time. Set maxmemory-policy noeviction" },
    };

    [Theory]
    [MemberData(nameof(NotDurable))]
    public async Task A_redis_that_may_lose_writes_is_refused_where_a_durable_one_is_required(bool appendOnly, string policy, string remedy)
    {
        await using var redis = await RedisServer.StartAsync(new() { AppendOnly = appendOnly, MaxMemoryPolicy = policy });

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(
            new() { Redis = redis.Configuration, Engine = static engine => engine.RequireDurableBuffer = true }));

        Assert.Equal(nameof(WriteBehindOptions.RequireDurableBuffer), error.Setting);
        Assert.Contains(remedy, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(NotDurable))]
    public async Task Otherwise_it_is_a_warning_and_a_degraded_health_until_it_is_mended(bool appendOnly, string policy, string remedy)
    {
        await using var redis = await RedisServer.StartAsync(new() { AppendOnly = appendOnly, MaxMemoryPolicy = policy });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            More = static builder => builder.Services.AddHealthChecks().AddWriteBehind(),
        });

        Assert.True(engine.Log.Has(LogLevel.Warning, remedy));
        Assert.Contains(remedy, Assert.Single((await engine.Engine.GetStatusAsync()).Durability.Warnings), StringComparison.Ordinal);
        Assert.Equal(HealthStatus.Degraded, await HealthAsync(engine));

        await redis.SendAsync("CONFIG", "SET", "appendonly", "yes");
        await redis.SendAsync("CONFIG", "SET", "maxmemory-policy", "noeviction");
        await Eventually.TrueAsync(async () => (await engine.Engine.GetStatusAsync()).Durability.Warnings.Count == 0);
        await Eventually.TrueAsync(async () => await HealthAsync(engine) == HealthStatus.Healthy);
    }

    [Fact]
    public async Task A_durable_redis_is_taken()
    {
        await using var engine = await TestEngine.StartAsync(new() { Engine = static engine => engine.RequireDurableBuffer = true });
        Assert.Empty((await engine.Engine.GetStatusAsync()).Durability.Warnings);
    }

    [Fact]
    public async Task Another_shard_count_than_the_recorded_one_is_refused_and_names_both()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));

        var error = await Assert.ThrowsAsync<ConfigurationException>(
            () => TestEngine.StartAsync(engine.Options with { Item = static item => item.Shards = 8 }));

        Assert.Equal((nameof(EntityTypeOptions.Shards), "item"), (error.Setting, error.EntityType));
        Assert.Contains("in 16 shards, but Shards is 8", error.Message, StringComparison.Ordinal);
        await engine.Items.FlushAsync("a", TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Another_layout_is_refused()
    {
        await using var engine = await TestEngine.StartAsync();
        await (await SharedServers.RedisAsync()).SendAsync("HSET", $"{engine.Options.Prefix}:{{item}}:meta", "layout", "99");

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(engine.Options));

        Assert.Contains("in layout 99", error.Message, StringComparison.Ordinal);
    }

    private static async Task<HealthStatus> HealthAsync(TestEngine engine)
        => (await engine.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries[WriteBehindHealth.Durability].Status;
}
