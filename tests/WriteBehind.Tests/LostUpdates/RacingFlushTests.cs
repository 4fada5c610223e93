using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.LostUpdates;

// hazelcast/hazelcast#15060, hazelcast/hazelcast#18670: a flush that ended took the newer write with it.
public sealed class RacingFlushTests
{
    private const int Entities = 2_000;

    [Fact]
    public async Task Version_2_written_between_save_and_settle_of_version_1_reaches_the_database_for_all_of_2000_entities()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.BatchSize = Entities });
        await using var other = await TestEngine.StartAsync(engine.Options);
        await PutAllAsync(engine.Items, new Item(1));

        using (var saved = engine.Gate.HoldAt(ProtocolStep.BeforeSettle))
        {
            var flush = engine.FlushAllAsync();
            Assert.Equal(Entities, (await saved.ReachedAsync()).Count);
            Assert.All((await engine.Table.RowsAsync()).Values, row => Assert.Equal((1, 1), (row.Version, row.Quantity)));
            await PutAllAsync(other.Items, new Item(2));
            saved.Release();
            await flush;
        }

        Assert.True((await engine.StatusAsync()).Counters.SettleAborts > 0);
        await engine.FlushAllAsync();
        var rows = await engine.Table.RowsAsync();
        Assert.Equal(Entities, rows.Count);
        Assert.All(rows.Values, row => Assert.Equal((2, 2), (row.Version, row.Quantity)));
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task Also_where_the_state_type_says_that_both_versions_are_equal()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            More = builder => builder.AddEntity<Reading>("reading", reading => reading.BatchSize = Entities),
        });
        var readings = engine.Engine.Store<Reading>();
        Assert.Equal(new Reading { Count = 1 }, new Reading { Count = 2 });
        await PutAllAsync(readings, new Reading { Count = 1 });

        using (var saved = engine.Gate.HoldAt(ProtocolStep.BeforeSettle))
        {
            var flush = engine.FlushAllAsync();
            await saved.ReachedAsync();
            await PutAllAsync(readings, new Reading { Count = 2 });
            saved.Release();
            await flush;
        }

        await engine.FlushAllAsync();
        Assert.Equal(Entities, await engine.Table.ScalarAsync<long>("""SELECT count(*) FROM readings WHERE count = 2 AND "Version" = 2"""));
    }

    [Fact]
    public async Task Those_that_did_not_move_on_are_clean_although_their_transaction_was_aborted()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.Shards = 1 });
        await using var other = await TestEngine.StartAsync(engine.Options);
        var buffer = await BufferView.OfAsync(engine);
        string[] ids = [.. Enumerable.Range(0, 100).Select(i => $"i{i}")];
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        string[] moved = ["i3", "i50", "i99"];

        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => Task.WhenAll(moved.Select(id => other.Items.SetAsync(id, new Item(2)))));
        await engine.FlushAllAsync();

        Assert.InRange((await engine.StatusAsync()).Counters.SettleAborts, 1, moved.Length);
        foreach (var id in ids.Except(moved))
        {
            Assert.Null(await buffer.VersionAsync(id));
        }

        await engine.FlushAllAsync();
        var rows = await engine.Table.RowsAsync();
        Assert.All(rows.Values, row => Assert.Equal(moved.Contains(row.Id) ? 2 : 1, row.Version));
    }

    [Fact]
    public async Task A_delete_between_save_and_settle_removes_the_row_with_the_next_flush()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));

        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => engine.Items.DeleteAsync("a"));
        await engine.FlushAsync("a");
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Version);
        Assert.Null(await engine.Items.GetAsync("a"));

        await engine.FlushAsync("a");
        Assert.Null(await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_put_between_the_delete_of_the_row_and_its_settle_brings_the_row_back()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Items.DeleteAsync("a");

        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => engine.Items.SetAsync("a", new Item(3)));
        await engine.FlushAsync("a");
        Assert.Null(await engine.Table.RowAsync("a"));
        Assert.Equal(new Item(3), (await engine.Items.GetAsync("a"))!.State);

        await engine.FlushAsync("a");
        Assert.Equal((3, 3), ((await engine.Table.RowAsync("a"))!.Version, (await engine.Table.RowAsync("a"))!.Quantity));
    }

    private static async Task PutAllAsync<TState>(IEntityStore<TState> store, TState state)
        where TState : class
        => await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => store.SetAsync($"e{i}", state)));
}
