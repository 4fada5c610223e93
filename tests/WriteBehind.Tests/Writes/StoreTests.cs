using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Writes;

/// <summary>What get, set, update, delete and flush mean.</summary>
public sealed class StoreTests
{
    [Fact]
    public async Task Versions_count_the_writes_of_an_entity_from_1_and_go_on_after_every_flush()
    {
        await using var engine = await TestEngine.StartAsync();
        for (var version = 1; version <= 6; version++)
        {
            Assert.Equal(version, await engine.Items.SetAsync("a", new Item(version * 10)));
            Assert.Equal(new Entity<Item>("a", version, new Item(version * 10)), await engine.Items.GetAsync("a"));
            if (version % 2 == 0)
            {
                await engine.FlushAsync("a");
                Assert.Equal(new ItemRow("a", version, version * 10, null), await engine.Table.RowAsync("a"));
                Assert.Equal(new Entity<Item>("a", version, new Item(version * 10)), await engine.Items.GetAsync("a"));
            }
        }
    }

    [Fact]
    public async Task What_was_never_written_is_absent()
    {
        await using var engine = await TestEngine.StartAsync();
        Assert.Null(await engine.Items.GetAsync("a"));
        Assert.Empty(await engine.Items.GetManyAsync(["a", "b"]));
        Assert.Empty(await engine.Items.GetManyAsync([]));
    }

    [Fact]
    public async Task A_row_that_was_there_before_is_gone_on_from_at_its_version()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("zero", 0, 1, null));

        Assert.Equal(new Entity<Item>("zero", 0, new Item(1)), await engine.Items.GetAsync("zero"));
        Assert.Equal(1, await engine.Items.SetAsync("zero", new Item(2)));
        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("zero", 1, 2, null), await engine.Table.RowAsync("zero"));
    }

    [Theory]
    [InlineData(1L << 40)]
    [InlineData((1L << 53) - 10)]
    public async Task High_versions_stay_exact(long start)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("a", start, 1, null));

        Assert.Equal(start + 1, await engine.Items.SetAsync("a", new Item(2)));
        Assert.Equal(start + 2, await engine.Items.SetAsync("a", new Item(3), expectedVersion: start + 1));
        await engine.FlushAllAsync();
        Assert.Equal(start + 3, (await engine.Items.UpdateAsync("a", state => state))!.Version);
        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("a", start + 3, 3, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task An_update_that_returns_null_deletes_and_gives_null()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        Assert.Null(await engine.Items.UpdateAsync("a", _ => null));
        Assert.Null(await engine.Items.GetAsync("a"));
        await engine.FlushAsync("a");
        Assert.Null(await engine.Table.RowAsync("a"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Created_again_after_a_delete_an_entity_continues_its_version(bool flushBetween)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.DeleteAsync("a", expectedVersion: 1);
        if (flushBetween)
        {
            await engine.FlushAsync("a");
        }

        Assert.Equal(3, await engine.Items.SetAsync("a", new Item(3)));
        await engine.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 3, 3, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task Deleting_what_is_not_there_writes_nothing()
    {
        await using var engine = await TestEngine.StartAsync();
        var buffer = await BufferView.OfAsync(engine);
        await engine.Items.DeleteAsync("a");
        Assert.Null(await engine.Items.UpdateAsync("a", state => state));
        Assert.Null(await buffer.VersionAsync("a"));

        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.DeleteAsync("a");
        await engine.Items.DeleteAsync("a");
        Assert.Equal(2, await buffer.VersionAsync("a"));
        Assert.Equal(2, (await engine.StatusAsync()).Counters.BufferWrites);
    }

    [Fact]
    public async Task An_update_sees_the_state_and_gives_what_it_wrote()
    {
        await using var engine = await TestEngine.StartAsync();
        Assert.Equal(
            new Entity<Item>("a", 1, new Item(5, "new")), await engine.Items.UpdateAsync("a", state => state ?? new Item(5, "new")));
        Assert.Equal(
            new Entity<Item>("a", 2, new Item(6, "new")), await engine.Items.UpdateAsync("a", state => state! with { Quantity = 6 }));
        await engine.FlushAsync("a");
        Assert.Equal(
            new Entity<Item>("a", 3, new Item(7, "new")), await engine.Items.UpdateAsync("a", state => state! with { Quantity = 7 }));
    }

    [Fact]
    public async Task A_flush_of_what_is_clean_or_unknown_returns_at_once()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.FlushAsync("never written");
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        var batches = engine.Sink.Batches;
        await engine.FlushAsync("a");

        Assert.Equal(batches, engine.Sink.Batches);
        Assert.Equal(0, (await engine.FlushAllAsync()).Flushed);
    }

    [Fact]
    public async Task Odd_ids_are_entities_of_their_own_all_the_way_to_the_database()
    {
        await using var engine = await TestEngine.StartAsync();
        await Task.WhenAll(OddIds.All.Select((id, i) => engine.Items.SetAsync(id, new Item(i))));
        Assert.Equal(OddIds.All.Count, (await engine.Items.GetManyAsync(OddIds.All)).Count);

        Assert.True((await engine.FlushAllAsync()).IsClean);
        var rows = await engine.Table.RowsAsync();
        var read = await engine.Items.GetManyAsync(OddIds.All);
        for (var i = 0; i < OddIds.All.Count; i++)
        {
            Assert.Equal(i, rows[OddIds.All[i]].Quantity);
            Assert.Equal(i, read[OddIds.All[i]].State.Quantity);
        }

        Assert.Equal(OddIds.All.Count, rows.Count);
    }
}
