using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class FailedSettleTests
{
    [Fact]
    public async Task A_claim_is_given_back_where_the_save_succeeded_and_the_settle_failed()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = static item => item.Shards = 1 });
        var claims = (string)new BufferView(redis, engine).Keys[0].Claims!;
        await engine.Items.SetAsync("a", new Item(1));
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => redis.SendAsync("ACL", "SETUSER", "default", "-exec"));

        var error = await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("a", TimeSpan.Zero));

        Assert.IsType<BufferUnavailableException>(error.InnerException);
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        Assert.Null(await redis.SendAsync("ZSCORE", claims, "a"));
        await redis.SendAsync("ACL", "SETUSER", "default", "+exec");
        await engine.Items.FlushAsync("a", TimeSpan.Zero);
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task A_permission_that_a_script_lacks_leaves_the_outcome_of_a_write_unknown()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromMilliseconds(500),
        });
        await redis.SendAsync("ACL", "SETUSER", "default", "-zadd");

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("a", new Item(1)));

        Assert.True(error.OutcomeUnknown);
        Assert.DoesNotContain("Nothing was written", error.Message, StringComparison.Ordinal);
    }
}
