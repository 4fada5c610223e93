using System.Diagnostics;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>What a failure must not leave behind: claims, waits that are longer than was asked for, threads that wait.</summary>
public sealed class GivenBackTests
{
    [Fact]
    public async Task A_flush_that_fails_in_any_way_after_its_claims_gives_them_back()
    {
        await using var engine = await TestEngine.StartAsync();
        var redis = await SharedServers.RedisAsync();
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => engine.Items.SetAsync($"{i}", new Item(i))));
        engine.Gate.FailAt(ProtocolStep.Claimed, new InvalidOperationException("a mistake (test)"));

        await Assert.ThrowsAsync<InvalidOperationException>(engine.FlushAllAsync);

        var keys = new BufferView(redis, engine).Keys;
        for (var shard = 0; shard < keys.Shards; shard++)
        {
            Assert.Equal("0", await redis.SendAsync("ZCARD", (string)keys[shard].Claims!));
        }
    }

    [Fact]
    public async Task A_command_is_waited_for_no_longer_than_WriteTimeout()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.ConfigurationFor(proxy.Port, TimeSpan.FromSeconds(40)),
            Engine = static settings => settings.WriteTimeout = TimeSpan.FromSeconds(1),
        });
        await engine.Items.SetAsync("a", new Item(1));
        proxy.DropResponses();

        var started = Stopwatch.GetTimestamp();
        await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("a", new Item(2)));

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
        await proxy.HealAsync();
    }

    [Fact]
    public async Task A_settle_connection_is_given_up_without_waiting_for_it()
    {
        await using var server = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(20) });
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(server.Configuration)), TimeProvider.System);
        var settle = await redis.SettleAsync(CancellationToken.None);
        await server.FreezeAsync();
        _ = settle.PingAsync().ContinueWith(static ping => ping.Exception, TaskScheduler.Default);

        var started = Stopwatch.GetTimestamp();
        redis.DropSettle(settle);

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        await server.ThawAsync();
    }
}
