using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.LostUpdates;

// redisson/redisson#2210, hazelcast/hazelcast#2027: a put after a delete, or a delete after a put, got lost within one window.
public sealed class OrderTests
{
    private const int Steps = 4;

    private static readonly string[] Moves = ["put", "delete", "flush"];

    [Fact]
    public async Task Put_put_delete_within_one_window_leaves_no_row()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("a", new Item(2));
        await engine.Items.DeleteAsync("a");

        await engine.FlushAllAsync();
        Assert.Empty(await engine.Table.RowsAsync());
        Assert.Equal([("a", 3L, true)], engine.Sink.Sent);
    }

    [Fact]
    public async Task Delete_then_put_within_one_window_leaves_the_row()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("a", 7, 1, "before"));
        await engine.Items.DeleteAsync("a");
        await engine.Items.SetAsync("a", new Item(2));

        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 9, 2, null), await engine.Table.RowAsync("a"));
        Assert.Single(engine.Sink.Sent);
    }

    [Fact]
    public async Task Put_delete_put_within_one_window_leaves_the_last_put()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.DeleteAsync("a");
        await engine.Items.SetAsync("a", new Item(3));

        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 3, 3, null), await engine.Table.RowAsync("a"));
    }

    /// <summary>
    /// All orders of four puts, deletes and flushes, with and without a row there before, each step by the other one of two processes.
    /// </summary>
    [Fact]
    public async Task Whatever_the_order_of_puts_deletes_and_flushes_the_database_ends_at_the_last_write()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        TestEngine[] engines = [first, second];
        var orders = Orders(Steps).SelectMany(order => new[] { (Order: order, HasRow: false), (Order: order, HasRow: true) }).ToArray();

        var expected = await Task.WhenAll(orders.Select(async (it, i) => await WalkAsync(engines, $"e{i}", it.Order, it.HasRow)));
        await Task.WhenAll(first.FlushAllAsync(), second.FlushAllAsync());

        var rows = await first.Table.RowsAsync();
        for (var i = 0; i < orders.Length; i++)
        {
            var walk = $"{(orders[i].HasRow ? "row, " : "")}{string.Join(", ", orders[i].Order)}";
            Assert.Equal((walk, expected[i]), (walk, rows.GetValueOrDefault($"e{i}")?.Quantity));
        }
    }

    private static async Task<long?> WalkAsync(TestEngine[] engines, string id, string[] order, bool hasRow)
    {
        var (quantity, version) = ((long?)null, 0L);
        if (hasRow)
        {
            await engines[0].Table.PutAsync(new ItemRow(id, 5, 100, null));
            (quantity, version) = (100, 5);
        }

        for (var step = 0; step < order.Length; step++)
        {
            var items = engines[step % 2].Items;
            switch (order[step])
            {
                case "put":
                    Assert.Equal(++version, await items.SetAsync(id, new Item(step)));
                    quantity = step;
                    break;
                case "delete":
                    await items.DeleteAsync(id);
                    version += quantity is null ? 0 : 1;
                    quantity = null;
                    break;
                default:
                    await engines[step % 2].FlushAsync(id);
                    break;
            }

            Assert.Equal(quantity, (await engines[(step + 1) % 2].Items.GetAsync(id))?.State.Quantity);
        }

        return quantity;
    }

    private static IEnumerable<string[]> Orders(int steps)
        => steps == 0 ? [[]] : Orders(steps - 1).SelectMany(order => Moves.Select(move => (string[])[.. order, move]));
}
