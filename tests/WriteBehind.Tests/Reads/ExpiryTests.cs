using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Reads;

/// <summary>Clean entries expire, dirty ones never do.</summary>
public sealed class ExpiryTests
{
    private static readonly TestEngineOptions Keeping = new()
    {
        Item = item => (item.AfterFlush, item.CacheTtl) = (AfterFlush.Keep, TimeSpan.FromMilliseconds(250)),
    };

    [Fact]
    public async Task A_dirty_entity_never_expires_and_a_clean_one_does()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        var buffer = await BufferView.OfAsync(engine);
        await engine.Items.SetAsync("never flushed", new Item(1));
        await engine.Items.SetAsync("rewritten", new Item(1));
        await engine.Items.SetAsync("clean", new Item(1));
        await engine.FlushAsync("rewritten");
        Assert.NotEqual(-1, await buffer.TimeToLiveAsync("rewritten"));
        await engine.Items.SetAsync("rewritten", new Item(2));

        // This one becomes clean last; when it has expired, the others' time would be long over.
        await engine.FlushAsync("clean");
        Assert.NotEqual(-1, await buffer.TimeToLiveAsync("clean"));
        await Eventually.TrueAsync(async () => await buffer.VersionAsync("clean") is null);

        Assert.Equal(-1, await buffer.TimeToLiveAsync("never flushed"));
        Assert.Equal(-1, await buffer.TimeToLiveAsync("rewritten"));
        Assert.Equal(new Item(2), (await engine.Items.GetAsync("rewritten"))!.State);
        Assert.Equal(new Entity<Item>("clean", 1, new Item(1)), await engine.Items.GetAsync("clean"));
        await engine.FlushAllAsync();
        Assert.Equal(2, (await engine.Table.RowAsync("rewritten"))!.Quantity);
        Assert.Equal(1, (await engine.Table.RowAsync("never flushed"))!.Quantity);
    }

    [Fact]
    public async Task A_delete_of_a_clean_entry_does_not_expire_with_it()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        var buffer = await BufferView.OfAsync(engine);
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        await engine.Items.DeleteAsync("a");
        Assert.Equal(-1, await buffer.TimeToLiveAsync("a"));
        Assert.Null(await engine.Items.GetAsync("a"));
        await engine.FlushAsync("a");
        Assert.Equal(-2, await buffer.TimeToLiveAsync("a"));
        Assert.Null(await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_write_to_an_entry_that_a_read_has_filled_does_not_expire_with_it()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        var buffer = await BufferView.OfAsync(engine);
        await engine.Table.PutAsync(new ItemRow("a", 5, 5, null));

        await engine.Items.GetAsync("a");
        Assert.NotEqual(-1, await buffer.TimeToLiveAsync("a"));
        Assert.False(await buffer.IsDirtyAsync("a"));

        await engine.Items.SetAsync("a", new Item(6));
        Assert.Equal(-1, await buffer.TimeToLiveAsync("a"));
        Assert.True(await buffer.IsDirtyAsync("a"));
    }

    [Fact]
    public async Task A_write_that_arrives_between_save_and_settle_does_not_get_the_time_to_live_of_the_flush()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        var buffer = await BufferView.OfAsync(engine);
        await engine.Items.SetAsync("a", new Item(1));

        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => engine.Items.SetAsync("a", new Item(2)));
        await engine.FlushAsync("a");
        Assert.Equal(2, await buffer.VersionAsync("a"));
        Assert.Equal(-1, await buffer.TimeToLiveAsync("a"));
    }
}
