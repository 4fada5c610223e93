using WriteBehind.TestTools;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.Tests.Harness;

public sealed class RedisMonitorTests
{
    [Fact]
    public async Task A_recording_has_every_command_with_its_client_and_arguments_as_sent()
    {
        await using var redis = await RedisServer.StartAsync();
        using var monitor = await redis.MonitorAsync();
        using var client = await RespConnection.OpenAsync(redis.Port);
        await client.SendAsync(["set", "a key", "line\n\"quoted\" \\ €"]);
        await client.SendAsync(["WATCH", "a key"]);
        await client.SendAsync(["EVAL", "return redis.call('DEL', KEYS[1])", "1", "a key"]);

        var commands = await monitor.StopAsync();

        Assert.Equal(["SET", "WATCH", "EVAL", "DEL"], commands.Select(static command => command.Name));
        Assert.Equal(["set", "a key", "line\n\"quoted\" \\ €"], commands[0].Arguments);
        Assert.Equal(commands[0].Client, commands[1].Client);
        Assert.True(commands[3].FromScript);
    }
}
