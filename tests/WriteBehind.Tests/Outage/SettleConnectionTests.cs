using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>Many settles share one connection; where it fails they fail together, some late.</summary>
public sealed class SettleConnectionTests
{
    [Fact]
    public async Task A_late_failure_of_a_given_up_connection_leaves_the_one_opened_since_alone()
    {
        await using var redis = new RedisConnections(
            new(StackExchange.Redis.ConfigurationOptions.Parse((await SharedServers.RedisAsync()).Configuration)), TimeProvider.System);
        var failed = await redis.SettleAsync(CancellationToken.None);
        redis.DropSettle(failed);
        var fresh = await redis.SettleAsync(CancellationToken.None);
        Assert.NotSame(failed.Multiplexer, fresh.Multiplexer);

        redis.DropSettle(failed);

        Assert.Same(fresh.Multiplexer, (await redis.SettleAsync(CancellationToken.None)).Multiplexer);
        await fresh.PingAsync();
    }

    [Fact]
    public async Task A_connection_that_turns_out_to_be_disposed_is_replaced()
    {
        await using var engine = await TestEngine.StartAsync();
        var redis = engine.Services.GetRequiredService<RedisConnections>();
        await engine.Items.SetAsync("a", new Item(1));
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, async () => (await redis.SettleAsync(CancellationToken.None)).Multiplexer.Dispose());

        await engine.FlushAsync("a");

        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
    }
}
