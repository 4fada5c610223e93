using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.LostUpdates;

/// <summary>Redis came back without its data: an alarm, no wrong write, and not a single row touched for it.</summary>
public sealed class EmptiedRedisTests
{
    [Fact]
    public async Task It_is_said_in_status_and_log_and_no_row_is_touched()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Sweep = true });
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        await engine.FlushAllAsync();
        var before = await engine.Table.RowsAsync();
        Assert.Equal(50, before.Count);
        Assert.Null((await engine.Engine.GetStatusAsync()).Durability.EmptiedAt);

        engine.Sink.BeforeSave = _ => throw SinkProbe.Outage();
        await engine.Items.SetAsync("e0", new Item(100));
        await redis.WipeAsync();
        await Eventually.TrueAsync(async () => (await engine.Engine.GetStatusAsync()).Durability.EmptiedAt is not null);
        Assert.True(engine.Log.Has(LogLevel.Critical, "came back empty"));

        engine.Sink.BeforeSave = null;
        await Eventually.TrueAsync(async () => (await engine.Items.GetManyAsync(before.Keys)).Count == before.Count);
        Assert.True((await engine.FlushAllAsync()).IsClean);
        Assert.Equal(before, await engine.Table.RowsAsync());
        Assert.Equal(0, (await engine.StatusAsync()).DeadLetters);
    }

    [Fact]
    public async Task A_writer_that_loaded_before_is_accepted_where_the_database_confirms_its_version()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        using var loaded = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var write = engine.Items.SetAsync("a", new Item(2), expectedVersion: 1);
        await loaded.ReachedAsync();
        await redis.WipeAsync();
        await ReconnectedAsync(engine);
        loaded.Release();

        Assert.Equal(2, await write);
        await engine.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 2, 2, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_writer_whose_version_was_lost_with_Redis_is_told_so_and_an_update_goes_on_from_the_row()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        foreach (var id in new[] { "set", "update" })
        {
            await engine.Items.SetAsync(id, new Item(1));
            await engine.FlushAsync(id);
            await engine.Items.SetAsync(id, new Item(50));
        }

        using var loaded = engine.Gate.HoldAt(ProtocolStep.BeforeWrite, times: 2);
        var set = engine.Items.SetAsync("set", new Item(-1), expectedVersion: 2);
        var update = engine.Items.UpdateAsync("update", state => new Item(state!.Quantity + 1));
        await loaded.ReachedAsync();
        await loaded.ReachedAsync();
        await redis.WipeAsync();
        await ReconnectedAsync(engine);
        loaded.Release();

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => set);
        Assert.Equal((2, 1), (conflict.ExpectedVersion, conflict.CurrentVersion));
        Assert.Equal(new Entity<Item>("update", 2, new Item(2)), await update);
        await engine.FlushAllAsync();
        Assert.Equal(
            (new("set", 1, 1, null), new("update", 2, 2, null)),
            (await engine.Table.RowAsync("set"), await engine.Table.RowAsync("update")));
    }

    [Fact]
    public async Task A_second_writer_with_knowledge_from_before_does_not_repeat_a_version_written_after()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var stale = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await using var other = await TestEngine.StartAsync(stale.Options);
        var buffer = new BufferView(redis, stale);
        await stale.Items.SetAsync("a", new Item(1));
        await stale.FlushAsync("a");

        using var loaded = stale.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var late = stale.Items.UpdateAsync("a", state => new Item(state!.Quantity + 1));
        await loaded.ReachedAsync();
        await other.Items.SetAsync("a", new Item(20));
        await other.FlushAsync("a");
        await redis.WipeAsync();
        await ReconnectedAsync(stale);
        Assert.Null(await buffer.FenceAsync("a"));
        loaded.Release();

        // Only the epoch tells: there is no state and no fence, and what the writer knows is young.
        Assert.Equal(new Entity<Item>("a", 3, new Item(21)), await late);
    }

    private static Task ReconnectedAsync(TestEngine engine) => Eventually.TrueAsync(async () =>
    {
        await engine.Items.GetAsync("nobody");
        return true;
    });
}
