using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.LostUpdates;

/// <summary>
/// What happens after a fence has expired: nothing in Redis tells a stale writer from a right one, so PostgreSQL is asked. Without that
/// an acknowledged write was lost in the model: two writers loaded version 1, one wrote version 2 and it was flushed; the other wrote
/// "version 2" too, and its flush took it for the one already there.
/// </summary>
public sealed class ExpiredFenceTests
{
    private static readonly TestEngineOptions ShortFences = FencesOf(TimeSpan.FromMilliseconds(300));

    [Fact]
    public async Task A_stale_conditional_write_is_refused_after_the_version_was_confirmed_in_the_database()
    {
        await using var stale = await TestEngine.StartAsync(ShortFences);
        await using var other = await TestEngine.StartAsync(stale.Options);
        await stale.Items.SetAsync("a", new Item(1));
        await stale.FlushAsync("a");

        var write = await WriteLateAsync(stale, () => stale.Items.SetAsync("a", new Item(-1), expectedVersion: 1), async () =>
        {
            await other.Items.SetAsync("a", new Item(2));
            await other.FlushAsync("a");
        });

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => write);
        Assert.Equal((1, 2), (conflict.ExpectedVersion, conflict.CurrentVersion));
        await stale.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 2, 2, null), await stale.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_stale_update_is_run_again_on_what_the_database_has()
    {
        await using var stale = await TestEngine.StartAsync(ShortFences);
        await using var other = await TestEngine.StartAsync(stale.Options);
        await stale.Items.SetAsync("a", new Item(10));
        await stale.FlushAsync("a");

        var update = await WriteLateAsync(stale, () => stale.Items.UpdateAsync("a", state => new Item(state!.Quantity + 1)), async () =>
        {
            await other.Items.UpdateAsync("a", state => new Item(state!.Quantity + 100));
            await other.FlushAsync("a");
        });

        Assert.Equal(new Entity<Item>("a", 3, new Item(111)), await update);
        await stale.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 3, 111, null), await stale.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_right_write_is_accepted_after_one_look_at_the_database()
    {
        // Longer, as a look that takes longer than a fence lasts is repeated.
        await using var engine = await TestEngine.StartAsync(FencesOf(TimeSpan.FromSeconds(4)));
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        var loads = 0;
        engine.Sink.BeforeLoad = ids =>
        {
            loads += ids.Contains("a") ? 1 : 0;
            return Task.CompletedTask;
        };

        var write = await WriteLateAsync(
            engine, () => engine.Items.SetAsync("a", new Item(2), expectedVersion: 1), () => Task.CompletedTask);

        Assert.Equal(2, await write);
        Assert.Equal(1, loads);
        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 2, 2, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task After_the_fence_of_a_tombstone_expired_a_stale_write_is_refused_and_a_new_one_begins_anew()
    {
        await using var stale = await TestEngine.StartAsync(ShortFences);
        await using var other = await TestEngine.StartAsync(stale.Options);
        await stale.Items.SetAsync("a", new Item(1));
        await stale.FlushAsync("a");

        var write = await WriteLateAsync(stale, () => stale.Items.SetAsync("a", new Item(-1), expectedVersion: 1), async () =>
        {
            await other.Items.DeleteAsync("a");
            await other.FlushAsync("a");
        });

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => write);
        Assert.Equal((1, 0), (conflict.ExpectedVersion, conflict.CurrentVersion));
        await stale.FlushAllAsync();
        Assert.Null(await stale.Table.RowAsync("a"));
        Assert.Equal(1, await stale.Items.SetAsync("a", new Item(1), expectedVersion: 0));
    }

    [Fact]
    public async Task The_first_write_after_a_long_pause_goes_on_top_of_the_stored_version()
    {
        await using var engine = await TestEngine.StartAsync(ShortFences);
        await engine.Table.PutAsync(new ItemRow("put", 7, 1, null));
        await engine.Table.PutAsync(new ItemRow("update", 7, 1, null));
        await engine.Table.PutAsync(new ItemRow("delete", 7, 1, null));

        Assert.Equal(8, await engine.Items.SetAsync("put", new Item(2)));
        Assert.Equal(8, (await engine.Items.UpdateAsync("update", state => new Item(state!.Quantity + 1)))!.Version);
        await engine.Items.DeleteAsync("delete");
        await engine.FlushAllAsync();

        var rows = await engine.Table.RowsAsync();
        Assert.Equal([("put", 8, 2), ("update", 8, 2)], rows.Values.Select(row => (row.Id, row.Version, row.Quantity)).Order());
    }

    private static TestEngineOptions FencesOf(TimeSpan time) => new() { Item = item => item.FenceTime = item.TombstoneFenceTime = time };

    /// <summary>Holds a write after it loaded, lets something happen, and lets it go once all it knew is older than any fence.</summary>
    private static async Task<Task<T>> WriteLateAsync<T>(TestEngine engine, Func<Task<T>> write, Func<Task> meanwhile)
    {
        var buffer = await BufferView.OfAsync(engine);
        using var loaded = engine.Gate.HoldAt(ProtocolStep.BeforeWrite, id: "a");
        var task = write();
        await loaded.ReachedAsync();
        await meanwhile();

        // A fence that was set after the load is gone, so whatever was known at the load is older than a fence lasts.
        // (In another shard, as the writes of one shard wait behind the held one.)
        const string clock = "clock";
        Assert.NotEqual(buffer.Keys.ShardOf("a"), buffer.Keys.ShardOf(clock));
        await engine.Items.SetAsync(clock, new Item(0));
        await engine.FlushAsync(clock);
        await buffer.WaitUntilFenceExpiredAsync(clock);
        await buffer.WaitUntilFenceExpiredAsync("a");
        loaded.Release();
        return task;
    }
}
