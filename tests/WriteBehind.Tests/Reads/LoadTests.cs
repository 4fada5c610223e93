using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Reads;

public sealed class LoadTests
{
    [Fact]
    public async Task A_row_that_cannot_be_read_fails_its_own_load_alone_and_is_named()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Engine = static settings => settings.MaxConcurrentLoads = 1,
            Item = static item => item.Shards = 1,
        });
        await engine.Items.SetAsync("buffered", new Item(1));
        await engine.Table.ExecuteAsync("ALTER TABLE items ALTER COLUMN quantity DROP NOT NULL");
        await engine.Table.ExecuteAsync(
            """INSERT INTO items (id, quantity, "Version") SELECT 'e' || i, nullif(i, 7), 1 FROM generate_series(1, 20) AS i""");
        var (entered, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var batches = new List<int>();
        engine.Sink.BeforeLoad = ids =>
        {
            batches.Add(ids.Count);
            entered.TrySetResult();
            return go.Task;
        };

        // Those that come while the first is under way share a query.
        var first = engine.Items.GetAsync("first");
        await entered.Task;
        var loads = Enumerable.Range(1, 20).Select(i => engine.Items.GetAsync($"e{i}")).ToList();
        await engine.Items.GetAsync("buffered");
        go.SetResult();

        await first;
        var error = await Assert.ThrowsAsync<SinkException>(() => loads[6]);
        Assert.Equal(("item", "e7", SinkFailure.Entity), (error.EntityType, error.EntityId, error.Failure));
        Assert.Contains("item 'e7'", error.Message, StringComparison.Ordinal);
        for (var i = 1; i <= 20; i++)
        {
            if (i != 7)
            {
                Assert.Equal(i, (await loads[i - 1])!.State.Quantity);
            }
        }

        Assert.Contains(batches, static count => count > 1);
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_can_be_overwritten_and_deleted()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.ExecuteAsync("ALTER TABLE items ALTER COLUMN quantity DROP NOT NULL");
        await engine.Table.ExecuteAsync("""INSERT INTO items (id, quantity, "Version") VALUES ('a', NULL, 4), ('b', NULL, 4)""");

        Assert.Equal(5, await engine.Items.SetAsync("a", new Item(1)));
        await engine.Items.DeleteAsync("b");
        Assert.True((await engine.FlushAllAsync()).IsClean);

        Assert.Equal(new ItemRow("a", 5, 1, null), await engine.Table.RowAsync("a"));
        Assert.Null(await engine.Table.RowAsync("b"));
    }

    [Fact]
    public async Task A_load_that_hangs_does_not_hold_up_those_of_others()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("b", 1, 2, null));
        var (entered, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        engine.Sink.BeforeLoad = ids =>
        {
            if (!ids.Contains("a"))
            {
                return Task.CompletedTask;
            }

            entered.TrySetResult();
            return go.Task;
        };
        var hanging = engine.Items.GetAsync("a");
        await entered.Task;

        Assert.Equal(2, (await engine.Items.GetAsync("b"))!.State.Quantity);

        Assert.False(hanging.IsCompleted);
        go.SetResult();
        Assert.Null(await hanging);
    }
}
