using System.Diagnostics;
using System.Net.Sockets;
using WriteBehind.TestTools;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.Tests.Harness;

public sealed class TcpProxyTests
{
    [Fact]
    public async Task Dropped_responses_leave_the_work_done_and_the_outcome_unknown()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        using var client = await RespConnection.OpenAsync(proxy.Port);
        var key = SharedServers.FreshName();

        proxy.DropResponses();
        var answer = client.SendAsync(["SET", key, "done"]);
        await Eventually.TrueAsync(() => proxy.BytesDropped == "+OK\r\n".Length);
        Assert.Equal("done", await redis.SendAsync("GET", key));
        Assert.False(answer.IsCompleted);

        await proxy.HealAsync();
        await Assert.ThrowsAnyAsync<IOException>(() => answer);
        Assert.Equal("done", await ThroughAsync(proxy, "GET", key));
    }

    [Fact]
    public async Task A_black_hole_swallows_requests()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        using var client = await RespConnection.OpenAsync(proxy.Port);
        var key = SharedServers.FreshName();

        proxy.BlackHole();
        var answer = client.SendAsync(["SET", key, "never"]);
        await Eventually.TrueAsync(() => proxy.BytesDropped > 0);
        await proxy.HealAsync();

        await Assert.ThrowsAnyAsync<IOException>(() => answer);
        Assert.Null(await redis.SendAsync("GET", key));
    }

    [Fact]
    public async Task A_cut_resets_open_connections_and_lets_new_ones_in()
    {
        await using var proxy = TcpProxy.Start((await SharedServers.RedisAsync()).Port);
        using var client = await RespConnection.OpenAsync(proxy.Port);
        await client.SendAsync(["PING"]);

        Assert.Equal(1, await proxy.CutAsync());
        await Assert.ThrowsAnyAsync<IOException>(() => client.SendAsync(["PING"]));
        Assert.Equal("PONG", await ThroughAsync(proxy, "PING"));
        Assert.Equal(2, proxy.AcceptedConnections);
        await Eventually.TrueAsync(() => proxy.BytesToClients == "+PONG\r\n".Length * 2);
    }

    [Fact]
    public async Task Refused_connections_are_accepted_again_after_healing()
    {
        await using var proxy = TcpProxy.Start((await SharedServers.RedisAsync()).Port);
        using var earlier = await RespConnection.OpenAsync(proxy.Port);
        proxy.RefuseConnections = true;

        await Assert.ThrowsAsync<SocketException>(() => ThroughAsync(proxy, "PING"));
        Assert.Equal("PONG", await earlier.SendAsync(["PING"]));
        await proxy.HealAsync();
        Assert.Equal("PONG", await ThroughAsync(proxy, "PING"));
    }

    [Fact]
    public async Task Delays_add_up_over_both_ways()
    {
        await using var proxy = TcpProxy.Start((await SharedServers.RedisAsync()).Port);
        using var client = await RespConnection.OpenAsync(proxy.Port);
        proxy.RequestDelay = TimeSpan.FromMilliseconds(60);
        proxy.ResponseDelay = TimeSpan.FromMilliseconds(40);

        var started = Stopwatch.GetTimestamp();
        await client.SendAsync(["PING"]);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 95, 10_000);
    }

    private static async Task<string?> ThroughAsync(TcpProxy proxy, params string[] command)
    {
        using var connection = await RespConnection.OpenAsync(proxy.Port);
        return await connection.SendAsync(command);
    }
}
