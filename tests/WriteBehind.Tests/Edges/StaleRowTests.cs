using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// PostgreSQL went back, or a copy of it that lags answers: a row that is older than what was settled is not given under the newer version,
/// and a deleted one does not come back.
/// </summary>
public sealed class StaleRowTests : IAsyncLifetime
{
    private static readonly ItemRow Before = new("a", 1, 1, null);
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _engine = await TestEngine.StartAsync();
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.FlushAsync("a");
    }

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task A_row_that_is_older_than_its_fence_is_a_typed_error_and_a_critical_log()
    {
        await SaveAsync(2);
        await _engine.Table.PutAsync(Before);

        var error = await Assert.ThrowsAsync<StaleRowException>(() => _engine.Items.GetAsync("a"));

        Assert.Equal((2, 1), (error.SettledVersion, error.StoredVersion));
        Assert.True(_engine.Log.Has(LogLevel.Critical, "PostgreSQL answers with version 1"));
        await Assert.ThrowsAsync<StaleRowException>(() => _engine.Items.GetManyAsync(["a", "b"]));
        await Assert.ThrowsAsync<StaleRowException>(() => _engine.Items.UpdateAsync("a", static item => item));
        await Assert.ThrowsAsync<StaleRowException>(() => _engine.Items.OpenSession("a").LoadAsync());
    }

    [Fact]
    public async Task A_row_that_is_missing_under_the_fence_of_a_put_is_one_too()
    {
        await _engine.Table.ExecuteAsync("DELETE FROM items");

        var error = await Assert.ThrowsAsync<StaleRowException>(() => _engine.Items.GetAsync("a"));

        Assert.Equal((1, null), (error.SettledVersion, error.StoredVersion));
    }

    [Fact]
    public async Task A_deleted_row_does_not_come_back_under_its_fence()
    {
        await _engine.Items.DeleteAsync("a");
        await _engine.FlushAsync("a");
        Assert.Null(await _engine.Items.GetAsync("a"));
        await _engine.Table.PutAsync(Before);

        await Assert.ThrowsAsync<StaleRowException>(() => _engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_stale_answer_is_asked_for_again()
    {
        await SaveAsync(2);
        await _engine.Table.PutAsync(Before);
        var answers = 0;
        _engine.Sink.AfterLoad = async _ =>
        {
            if (++answers == 1)
            {
                await _engine.Table.PutAsync(new ItemRow("a", 2, 2, null));
            }
        };

        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await _engine.Items.GetAsync("a"));
        Assert.Equal((2, 1), (answers, _engine.Sink.SecondQuestions));
    }

    [Fact]
    public async Task A_put_goes_on_from_the_fence_and_mends_the_row()
    {
        await SaveAsync(2);
        await _engine.Table.PutAsync(Before);

        Assert.Equal(3, await _engine.Items.SetAsync("a", new Item(3)));
        await _engine.FlushAsync("a");

        Assert.Equal(new ItemRow("a", 3, 3, null), await _engine.Table.RowAsync("a"));
        Assert.Equal(new Entity<Item>("a", 3, new Item(3)), await _engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task What_Redis_keeps_and_the_database_lost_is_flushed_again()
    {
        await using var engine = await TestEngine.StartAsync(
            new() { Sweep = true, Item = static item => item.AfterFlush = AfterFlush.Keep });
        foreach (var id in new[] { "older", "missing", "lost", "theirs" })
        {
            await engine.Items.SetAsync(id, new Item(1));
            await engine.Items.SetAsync(id, new Item(2));
            await engine.FlushAsync(id);
        }

        await engine.Table.ExecuteAsync(
            """
            UPDATE items SET quantity = 1, "Version" = 1;
            DELETE FROM items WHERE id = 'missing';
            UPDATE items SET quantity = 9, "Version" = 9 WHERE id = 'theirs';
            """);
        var view = await BufferView.OfAsync(engine);
        await (await SharedServers.RedisAsync()).SendAsync("DEL", (string)view.Keys[view.Keys.ShardOf("lost")].Entity("lost")!);
        await Assert.ThrowsAsync<StaleRowException>(() => engine.Items.GetAsync("lost"));

        await Eventually.TrueAsync(
            async () => await engine.Table.RowAsync("older") is { Quantity: 2, Version: 2 }
                && await engine.Table.RowAsync("missing") is { Quantity: 2, Version: 2 },
            because: "they are flushed again");
        Assert.Equal(9, (await engine.Table.RowAsync("theirs"))!.Quantity);
        Assert.Empty(await engine.Engine.DeadLetters.ListAsync("item"));
    }

    private async Task SaveAsync(int quantity)
    {
        await _engine.Items.SetAsync("a", new Item(quantity));
        await _engine.FlushAsync("a");
    }
}
