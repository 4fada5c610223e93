using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// Processes that differ in FenceTime, as in a rolling restart with another setting: fences last for the longest that is recorded, and
/// knowledge counts for the shortest. And knowledge of the future, which a clock that stepped back leaves, counts for nothing.
/// </summary>
public sealed class FenceTimeTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_process_with_a_shorter_time_sets_fences_that_last_for_the_longer_one()
    {
        await using var first = await StartAsync(Long);
        await using var second = await TestEngine.StartAsync(first.Options with { Item = item => item.FenceTime = Short });
        var session = first.Items.OpenSession("a");
        await session.LoadAsync();

        await second.Items.SetAsync("a", new Item(1));
        await second.FlushAsync("a");

        Assert.InRange(await (await BufferView.OfAsync(second)).FenceTimeToLiveAsync("a"), 500_000, 600_000);
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
    }

    [Fact]
    public async Task A_process_with_a_longer_time_does_not_go_by_what_it_knew_when_the_shorter_fence_is_over()
    {
        await using var first = await StartAsync(Short);
        await using var second = await TestEngine.StartAsync(first.Options with { Item = item => item.FenceTime = Long });
        var session = second.Items.OpenSession("a");
        await session.LoadAsync();

        // As a process sets them that has not learnt of the other.
        await first.Items.SetAsync("a", new Item(1));
        await first.FlushAsync("a");
        var view = await BufferView.OfAsync(first);
        await (await SharedServers.RedisAsync()).SendAsync("PEXPIRE", (string)view.Keys[view.Keys.ShardOf("a")].Fence("a")!, "1000");
        await view.WaitUntilFenceExpiredAsync("a");

        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
        Assert.Equal(new Item(1), await session.LoadAsync());
    }

    [Fact]
    public async Task What_was_seen_by_a_clock_that_stepped_back_does_not_count()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(server.Configuration)), TimeProvider.System);
        var buffer = new EntityBuffer(redis, new EntityTypeOptions<Item>("item"), new(), OpenGate.Instance);
        var known = (await buffer.ReadAsync("a")).Known;

        var reply = await buffer.WriteAsync(new WriteRequest("a", known with { KnownAt = known.KnownAt + 60_000 }, [1], "07"));

        Assert.Equal(WriteStatus.Unconfirmed, reply.Status);
    }

    [Fact]
    public async Task A_clock_that_stepped_back_ends_all_knowledge()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(server.Configuration)), TimeProvider.System);
        var buffer = new EntityBuffer(redis, new EntityTypeOptions<Item>("item"), new(), OpenGate.Instance);
        var known = (await buffer.ReadAsync("a")).Known;
        var shard = buffer.Keys.ShardOf("a");
        buffer.Epochs.NoteTime(shard, (known.KnownAt + 60_000) * 1000, isWrite: false);

        var reply = await buffer.WriteAsync(new WriteRequest("a", known, [1], "07"));

        Assert.Equal(WriteStatus.Unconfirmed, reply.Status);
        var current = (await buffer.ReadAsync("a")).Known;
        Assert.NotEqual(known.Epoch, current.Epoch);
        Assert.Equal(WriteStatus.Ok, (await buffer.WriteAsync(new WriteRequest("a", current, [1], "08"))).Status);
        Assert.False(buffer.Epochs.TakeWentBack() || buffer.Epochs.TakeEmptied());
    }

    private static Task<TestEngine> StartAsync(TimeSpan fenceTime)
        => TestEngine.StartAsync(new() { Item = item => item.FenceTime = fenceTime });
}
