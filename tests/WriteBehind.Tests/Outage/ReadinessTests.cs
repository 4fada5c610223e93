using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Health;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>Ready is who can acknowledge a write: not who has a Redis that answers, nor only who has all of it.</summary>
public sealed class ReadinessTests
{
    [Theory]
    [InlineData("READONLY", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE")]
    [InlineData("NOREPLICAS", "CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0")]
    [InlineData("OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0")]
    public async Task A_redis_that_refuses_writes_is_not_ready_and_says_why(string error, string fault, string cure)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await StartAsync(redis.Configuration);
        await engine.Items.SetAsync("a", new Item(1));
        await Eventually.TrueAsync(async () => (await CheckAsync(engine)).Status == HealthStatus.Healthy);
        await redis.SendAsync(fault.Split(' '));

        // Later the client library may have found out by itself that there is no master, and say that instead.
        HealthReportEntry first = default;
        await Eventually.TrueAsync(async () => (first = await CheckAsync(engine)).Status == HealthStatus.Unhealthy);
        Assert.Contains(error, first.Description, StringComparison.Ordinal);

        await redis.SendAsync(cure.Split(' '));
        await Eventually.TrueAsync(async () => (await CheckAsync(engine)).Status == HealthStatus.Healthy);
        await engine.FlushAsync("a");
    }

    [Fact]
    public async Task A_redis_that_is_away_is_not_ready_and_the_age_grows_meanwhile()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(1) });
        await using var engine = await StartAsync(redis.Configuration);
        await engine.Items.SetAsync("a", new Item(1));
        var before = await engine.StatusAsync();
        Assert.NotNull(before.BacklogAt);
        await redis.FreezeAsync();

        await Eventually.TrueAsync(
            async () => (await engine.StatusAsync()).OldestDirtyAge > before.OldestDirtyAge + TimeSpan.FromSeconds(3));

        var status = await engine.StatusAsync();
        Assert.Equal(1, status.Dirty);
        Assert.True(DateTimeOffset.UtcNow - status.BacklogAt >= TimeSpan.FromSeconds(2), $"{status.BacklogAt}");
        Assert.Equal(HealthStatus.Unhealthy, (await CheckAsync(engine)).Status);
        Assert.Equal(HealthStatus.Degraded, (await CheckAsync(engine, WriteBehindHealth.Age)).Status);
        await redis.ThawAsync();
        await Eventually.TrueAsync(async () => (await CheckAsync(engine)).Status == HealthStatus.Healthy);
    }

    [Fact]
    public async Task One_shard_of_sixteen_that_moves_is_no_reason_to_take_a_process_out_of_service_and_its_loads_wait_for_it()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var engine = await StartAsync(cluster.Configuration);
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        var keys = new BufferView(cluster.Nodes[0], engine).Keys;
        var slot = (await cluster.Nodes[0].SendAsync("CLUSTER", "KEYSLOT", (string)keys[keys.ShardOf("a")].Dirty!))!;
        var owner = await MigrateAsync(cluster, slot);

        await Eventually.TrueAsync(async () => (await CheckAsync(engine)).Status == HealthStatus.Degraded);
        var load = engine.Items.GetAsync("a");
        await Eventually.TrueAsync(async () => (await CheckAsync(engine)).Description!.Contains("TRYAGAIN", StringComparison.Ordinal));
        Assert.False(load.IsCompleted);
        await owner.SendAsync("CLUSTER", "SETSLOT", slot, "STABLE");

        Assert.Equal(1, (await load)!.State.Quantity);
        await Eventually.TrueAsync(async () => (await CheckAsync(engine)).Status == HealthStatus.Healthy);
    }

    /// <summary>Begins to move a slot; keys that are not there are said to be on their way.</summary>
    private static async Task<RedisServer> MigrateAsync(RedisCluster cluster, string slot)
    {
        foreach (var node in cluster.Nodes)
        {
            var other = cluster.Nodes.First(other => other != node);
            var target = (await other.SendAsync("CLUSTER", "MYID"))!;
            try
            {
                await node.SendAsync("CLUSTER", "SETSLOT", slot, "MIGRATING", target);
                return node;
            }
            catch (InvalidOperationException)
            {
                // It is another's.
            }
        }

        throw new InvalidOperationException($"Nobody has slot {slot}.");
    }

    private static Task<TestEngine> StartAsync(string redis) => TestEngine.StartAsync(new()
    {
        Redis = redis,
        Engine = static settings => settings.WriteTimeout = TimeSpan.FromSeconds(60),
        More = static builder => builder.Services.AddHealthChecks().AddWriteBehind(static health => health.ShareFor = TimeSpan.Zero),
    });

    private static async Task<HealthReportEntry> CheckAsync(TestEngine engine, string check = WriteBehindHealth.Buffer)
        => (await engine.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(entry => entry.Name == check)).Entries[check];
}
