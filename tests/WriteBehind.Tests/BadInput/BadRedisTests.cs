using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Engine;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.BadInput;

public sealed class BadRedisTests
{
    private const string Secret = "the-real-secret";

    [Fact]
    public async Task A_redis_that_cannot_be_reached_is_named_quickly()
    {
        await using var proxy = TcpProxy.Start(1);
        proxy.RefuseConnections = true;
        var started = Stopwatch.GetTimestamp();

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(
            () => TestEngine.StartAsync(new() { Redis = $"127.0.0.1:{proxy.Port},connectTimeout=1000,connectRetry=1" }));

        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{proxy.Port}"), error.Message, StringComparison.Ordinal);
        Assert.Contains("check the address", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 15);
    }

    [Fact]
    public async Task A_wrong_password_is_said_without_saying_the_password()
    {
        await using var redis = await RedisServer.StartAsync(new() { Password = Secret });
        var wrong = redis.Configuration.Replace(Secret, "the-wrong-secret", StringComparison.Ordinal);

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => TestEngine.StartAsync(new() { Redis = wrong }));

        Assert.Contains("refuses the user name or password", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("the-wrong-secret", error.ToString(), StringComparison.Ordinal);
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await engine.Items.SetAsync("a", new Item(1));
        Assert.DoesNotContain(engine.Log.Lines, static line => line.Message.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_missing_password_is_said()
    {
        await using var redis = await RedisServer.StartAsync(new() { Password = Secret });
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(
            ()
                => TestEngine.StartAsync(
                    new() { Redis = redis.Configuration.Replace($",password={Secret}", "", StringComparison.Ordinal) }));
        Assert.Contains("password", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_redis_is_does_not_show_the_password()
        => Assert.DoesNotContain(
            Secret,
            new RedisConnectionSource(StackExchange.Redis.ConfigurationOptions.Parse($"127.0.0.1,password={Secret}")).ToString(),
            StringComparison.Ordinal);

    [Fact]
    public async Task Without_a_connected_master_nothing_is_said_to_be_durable()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await StartAsync(redis);
        await redis.KillAsync();
        var guard = engine.Services.GetRequiredService<DurabilityGuard>();

        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(
                () => guard.InspectAsync(starting: true, CancellationToken.None)) is BufferUnavailableException e
                && e.Message.Contains("No master", StringComparison.Ordinal));

        Assert.False(guard.Status.Reachable);
        await redis.RestartAsync();
    }

    [Fact]
    public async Task A_read_only_replica_is_refused_and_says_what_to_do()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(
            () => TestEngine.StartAsync(new() { Redis = replica.Configuration }));

        Assert.Contains("replica", error.Message, StringComparison.Ordinal);
        Assert.Contains("master", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redis_that_becomes_a_replica_refuses_writes_clearly_and_loses_nothing()
    {
        await using var master = await RedisServer.StartAsync();
        await using var engine = await StartAsync(master);
        await engine.Items.SetAsync("a", new Item(1));
        await master.SendAsync("CONFIG", "SET", "replica-serve-stale-data", "yes");
        await master.SendAsync("REPLICAOF", "127.0.0.1", "1");

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("a", new Item(2)));
        Assert.Equal("a", error.EntityId);

        await master.SendAsync("REPLICAOF", "NO", "ONE");
        await Eventually.TrueAsync(async () => await engine.Items.SetAsync("a", new Item(3)) == 2);
        await engine.Items.FlushAsync("a", TimeSpan.FromMinutes(1));
        Assert.Equal(3, (await engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task A_redis_that_is_out_of_memory_refuses_clearly_and_loses_nothing()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await StartAsync(redis);
        await engine.Items.SetAsync("a", new Item(1));
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("b", new Item(2)));
        Assert.False(error.OutcomeUnknown);
        Assert.Contains("maxmemory", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.State.Quantity);

        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");
        await engine.Items.SetAsync("b", new Item(3));
        await engine.Items.FlushAsync("a", TimeSpan.FromMinutes(1));
        await engine.Items.FlushAsync("b", TimeSpan.FromMinutes(1));
        Assert.Equal([1, 3], (await engine.Table.RowsAsync()).Values.Select(static row => row.Quantity).Order());
    }

    private static Task<TestEngine> StartAsync(RedisServer redis) => TestEngine.StartAsync(new()
    {
        Redis = redis.Configuration,
        Engine = static engine => engine.WriteTimeout = TimeSpan.FromMilliseconds(500),
    });
}
