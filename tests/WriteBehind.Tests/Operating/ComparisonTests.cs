using System.Globalization;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Operating;

/// <summary>What Redis holds is compared with the rows, and mended where nothing is lost by that.</summary>
public sealed class ComparisonTests
{
    [Fact]
    public async Task Nothing_differs_while_entities_are_written_and_flushed_all_the_time()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Item = static item => (item.FlushDelay, item.AfterFlush) = (TimeSpan.FromMilliseconds(20), AfterFlush.Keep),
        });
        using var stop = new CancellationTokenSource();
        var writing = Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            var id = i.ToString(CultureInfo.InvariantCulture);
            while (!stop.IsCancellationRequested)
            {
                await engine.Items.UpdateAsync(id, static item => new Item((item?.Quantity ?? 0) + 1));
            }
        }));
        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).Count == 20);

        for (var i = 0; i < 5; i++)
        {
            var found = await engine.Engine.CompareAsync("item");
            Assert.Empty(found.Differences);
            Assert.Equal(20, found.Compared);
        }

        await stop.CancelAsync();
        await writing;
    }

    [Fact]
    public async Task A_dead_letter_is_no_lost_write()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        await engine.Items.SetAsync("bad", new Item(1, Item.TooLongNote));
        await engine.Items.SetAsync("good", new Item(1));
        await Eventually.TrueAsync(async () =>
        {
            await engine.FlushAllAsync();
            return (await engine.StatusAsync()).DeadLetters == 1;
        });

        var found = await engine.Engine.CompareAsync("item");

        Assert.Equal((1, 0), (found.DeadLetters, found.Differing));
    }

    [Fact]
    public async Task A_row_that_was_lost_is_seen_by_its_fence_and_flushed_again_where_its_state_is_kept()
    {
        await using var kept = await TestEngine.StartAsync(new() { Item = static item => item.AfterFlush = AfterFlush.Keep });
        await using var removed = await TestEngine.StartAsync();
        foreach (var engine in new[] { kept, removed })
        {
            await engine.Items.SetAsync("a", new Item(1));
            await engine.Items.SetAsync("a", new Item(2));
            await engine.FlushAsync("a");
            await engine.Table.PutAsync(new ItemRow("a", Version: 1, Quantity: 1, Note: null));
        }

        var lost = Assert.Single((await removed.Engine.CompareAsync("item", mend: true)).Differences);
        Assert.Equal(("a", StoreDifferenceKind.RowBehind, false), (lost.Id, lost.Kind, lost.CanBeMended));
        Assert.Equal("Version 2 was saved, but PostgreSQL has version 1.", lost.Text);

        Assert.Equal(0, (await kept.Engine.CompareAsync("item")).Mended);
        Assert.Equal(1, (await kept.Engine.CompareAsync("item", mend: true)).Mended);
        await kept.FlushAllAsync();
        Assert.Equal(2, (await kept.Table.RowAsync("a"))!.Quantity);
        Assert.Empty((await kept.Engine.CompareAsync("item")).Differences);
    }

    [Fact]
    public async Task A_clean_entry_that_another_program_has_overtaken_is_dropped()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.AfterFlush = AfterFlush.Keep });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Table.PutAsync(new ItemRow("a", Version: 5, Quantity: 50, Note: null));

        var found = await engine.Engine.CompareAsync("item", mend: true);

        Assert.Equal((StoreDifferenceKind.StaleEntry, 1), (Assert.Single(found.Differences).Kind, found.Mended));
        Assert.Equal(50, (await engine.Items.GetAsync("a"))!.State.Quantity);
    }

    [Fact]
    public async Task A_row_ahead_of_an_unflushed_state_is_told_and_left_alone()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Table.PutAsync(new ItemRow("a", Version: 5, Quantity: 50, Note: null));

        var found = await engine.Engine.CompareAsync("item", mend: true);

        var ahead = Assert.Single(found.Differences);
        Assert.Equal((StoreDifferenceKind.RowAhead, false), (ahead.Kind, ahead.CanBeMended));
        Assert.Equal((1, 0), (found.Dirty, found.Mended));
    }

    [Fact]
    public async Task A_lost_mark_is_set_again_and_a_lost_state_is_told()
    {
        await using var engine = await TestEngine.StartAsync();
        var (redis, view) = (await SharedServers.RedisAsync(), await BufferView.OfAsync(engine));
        await engine.Items.SetAsync("unmarked", new Item(1));
        await engine.Items.SetAsync("stateless", new Item(1));
        await redis.SendAsync("ZREM", (string)view.Keys[view.Keys.ShardOf("unmarked")].Dirty!, "unmarked");
        await redis.SendAsync("DEL", (string)view.Keys[view.Keys.ShardOf("stateless")].Entity("stateless")!);

        var found = await engine.Engine.CompareAsync("item", mend: true);

        Assert.Equal(
            [("stateless", StoreDifferenceKind.StateLost), ("unmarked", StoreDifferenceKind.MarkLost)],
            found.Differences.Select(static difference => (difference.Id, difference.Kind)).Order());
        Assert.Equal(1, found.Mended);
        await engine.FlushAllAsync();
        Assert.Equal(1, (await engine.Table.RowAsync("unmarked"))!.Quantity);
    }

    [Fact]
    public async Task A_deleted_row_that_is_back_and_one_that_was_deleted_behind_its_fence_are_told()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("deleted", new Item(1));
        await engine.Items.SetAsync("gone", new Item(1));
        await engine.FlushAllAsync();
        var row = (await engine.Table.RowAsync("deleted"))!;
        await engine.Items.DeleteAsync("deleted");
        await engine.FlushAllAsync();
        await engine.Table.PutAsync(row);
        await engine.Table.ExecuteAsync("DELETE FROM items WHERE id = 'gone'");

        var found = await engine.Engine.CompareAsync("item");

        Assert.Equal(["deleted", "gone"], found.Differences.Select(static difference => difference.Id).Order(StringComparer.Ordinal));
        Assert.All(found.Differences, static difference => Assert.Equal(StoreDifferenceKind.RowBehind, difference.Kind));
    }

    [Fact]
    public async Task Without_the_database_there_is_no_verdict()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        engine.Sink.BeforeLoad = static _ => throw new SinkException(SinkFailure.Transient, "PostgreSQL is away.");

        await Assert.ThrowsAsync<SinkException>(() => engine.Engine.CompareAsync("item"));
    }
}
