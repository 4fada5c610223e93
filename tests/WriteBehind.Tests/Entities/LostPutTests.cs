using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Entities;

/// <summary>
/// A plain put looks up the version it goes on top of. One that went on top of whatever is there would, sent again, also go on top of what
/// others wrote after it. The trace is the model's (<see cref="Protocol.ProtocolPartsTests"/>).
/// </summary>
public sealed class LostPutTests
{
    [Fact]
    public async Task A_put_whose_answer_is_lost_is_not_repeated_on_top_of_a_later_write()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var cutOff = await TestEngine.StartAsync(new()
        {
            Redis = redis.ConfigurationFor(proxy.Port),
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(30),
        });
        await using var other = await TestEngine.StartAsync(cutOff.Options with { Redis = redis.Configuration });
        await cutOff.Items.SetAsync("a", new Item(1));

        cutOff.Gate.RunAt(ProtocolStep.BeforeWrite, () => DropAsync(proxy));
        var put = cutOff.Items.SetAsync("a", new Item(10));
        await Eventually.TrueAsync(async () => (await other.Items.GetAsync("a"))!.State.Quantity == 10);
        await other.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 });
        await proxy.HealAsync();

        Assert.True((await Assert.ThrowsAsync<BufferUnavailableException>(() => put)).OutcomeUnknown);
        Assert.Equal(11, (await other.Items.GetAsync("a"))!.State.Quantity);
    }

    [Fact]
    public async Task A_put_whose_answer_is_lost_is_acknowledged_where_it_is_still_there()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var cutOff = await TestEngine.StartAsync(new()
        {
            Redis = redis.ConfigurationFor(proxy.Port),
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(30),
        });
        await using var other = await TestEngine.StartAsync(cutOff.Options with { Redis = redis.Configuration });
        await cutOff.Items.SetAsync("a", new Item(1));

        cutOff.Gate.RunAt(ProtocolStep.BeforeWrite, () => DropAsync(proxy));
        var put = cutOff.Items.SetAsync("a", new Item(10));
        await Eventually.TrueAsync(async () => (await other.Items.GetAsync("a"))!.State.Quantity == 10);
        await proxy.HealAsync();

        Assert.Equal(2, await put);
        Assert.Equal(2, (await other.Items.GetAsync("a"))!.Version);
    }

    private static Task DropAsync(TcpProxy proxy)
    {
        proxy.DropResponses();
        return Task.CompletedTask;
    }
}
