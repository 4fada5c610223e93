using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>A request that was given up is still on its way: in a switch, in a socket of a Redis that stands still.</summary>
public sealed class LateRequestTests
{
    [Fact]
    public async Task A_put_that_was_given_up_and_arrives_late_does_not_go_on_top_of_what_was_acknowledged_since()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var other = await TestEngine.StartAsync();
        await using var slow = await TestEngine.StartAsync(other.Options with
        {
            Redis = redis.ConfigurationFor(proxy.Port),
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(3),
        });
        await slow.Items.SetAsync("a", new Item(1));

        // The version that the put names is read before.
        slow.Gate.RunAt(ProtocolStep.BeforeWrite, () =>
        {
            proxy.RequestDelay = TimeSpan.FromSeconds(30);
            return Task.CompletedTask;
        });
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => slow.Items.SetAsync("a", new Item(5)));
        Assert.True(error.OutcomeUnknown);
        await other.Items.SetAsync("a", new Item(6));

        // Requests keep their order on the wire, so once this one is answered the late ones have been, too.
        proxy.RequestDelay = TimeSpan.Zero;
        await Eventually.TrueAsync(async () => await slow.Items.GetAsync("a") is not null);
        Assert.Equal(6, (await other.Items.GetAsync("a"))!.State.Quantity);
    }
}
