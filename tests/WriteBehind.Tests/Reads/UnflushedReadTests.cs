using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Reads;

// hazelcast/hazelcast#5339, hazelcast/hazelcast#5368: a read that missed the buffered delete gave the old row.
public sealed class UnflushedReadTests
{
    [Fact]
    public async Task A_row_in_the_database_with_an_unflushed_delete_reads_as_absent_in_every_process()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Table.PutAsync(new ItemRow("gone", 3, 3, null));
        await first.Table.PutAsync(new ItemRow("there", 4, 4, null));
        await first.Items.DeleteAsync("gone");

        foreach (var engine in new[] { first, second })
        {
            Assert.Null(await engine.Items.GetAsync("gone"));
            Assert.Equal(["there"], (await engine.Items.GetManyAsync(["gone", "there", "never"])).Keys);
        }

        Assert.NotNull(await first.Table.RowAsync("gone"));
        await first.FlushAllAsync();
        Assert.Null(await first.Table.RowAsync("gone"));
        Assert.Null(await second.Items.GetAsync("gone"));
    }

    [Fact]
    public async Task An_update_of_an_entity_with_an_unflushed_delete_finds_nothing_and_continues_its_version()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("a", 3, 3, null));
        await engine.Items.DeleteAsync("a");

        var created = await engine.Items.UpdateAsync("a", state => new Item(state is null ? 1 : -1));
        Assert.Equal(new Entity<Item>("a", 5, new Item(1)), created);
    }

    [Fact]
    public async Task An_unflushed_put_is_read_instead_of_the_older_row()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Table.PutAsync(new ItemRow("a", 3, 3, null));
        await first.Items.SetAsync("a", new Item(4));

        Assert.Equal(new Entity<Item>("a", 4, new Item(4)), await second.Items.GetAsync("a"));
        Assert.Equal(3, (await first.Table.RowAsync("a"))!.Version);
    }

    [Fact]
    public async Task Small_batches_are_no_reason_to_turn_callers_away()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.BatchSize = 1 });
        for (var i = 0; i < 200; i++)
        {
            await engine.Items.SetAsync($"e{i}", new Item(i));
        }

        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => engine.FlushAsync($"e{i}")));
        Assert.Equal(200, (await engine.Items.GetManyAsync(Enumerable.Range(0, 200).Select(i => $"e{i}"))).Count);
    }

    [Fact]
    public async Task Many_are_read_from_where_the_latest_of_each_is()
    {
        await using var engine = await TestEngine.StartAsync();
        for (var i = 0; i < 30; i++)
        {
            await engine.Table.PutAsync(new ItemRow($"row{i}", 1, i, null));
        }

        await Task.WhenAll(Enumerable.Range(0, 30).Select(i => engine.Items.SetAsync($"dirty{i}", new Item(i))));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => engine.Items.SetAsync($"row{i}", new Item(100 + i))));
        await Task.WhenAll(Enumerable.Range(10, 10).Select(i => engine.Items.DeleteAsync($"row{i}")));
        var queries = 0;
        engine.Sink.BeforeLoad = _ =>
        {
            Interlocked.Increment(ref queries);
            return Task.CompletedTask;
        };

        var ids = Enumerable.Range(0, 30).SelectMany(i => new[] { $"row{i}", $"dirty{i}", $"row{i}", $"absent{i}" });
        var found = await engine.Items.GetManyAsync(ids);

        var rows = Enumerable.Range(0, 30).Where(i => i is < 10 or >= 20).Select(i => ($"row{i}", i < 10 ? 100L + i : i));
        var dirty = Enumerable.Range(0, 30).Select(i => ($"dirty{i}", (long)i));
        Assert.Equal(rows.Concat(dirty).Order(), found.Select(pair => (pair.Key, pair.Value.State.Quantity)).Order());
        Assert.All(found, pair => Assert.Equal(pair.Key, pair.Value.Id));

        // The forty ids that Redis does not have are asked for together.
        Assert.Equal(1, queries);
    }
}
