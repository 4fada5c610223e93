using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// Another program changes a row and raises its version, as the manual asks. The number that it takes may be the one that an acknowledged
/// write has: only a row with this write's content is a replay of it, every other one is a conflict, which is told.
/// </summary>
public sealed class RaisedRowTests : IAsyncLifetime
{
    private TestEngine _engine = null!;

    public async Task InitializeAsync() => _engine = await TestEngine.StartAsync();

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task A_write_that_meets_a_row_raised_to_its_version_is_told_by_letter_log_counter_and_caller()
    {
        await WriteAndRaiseAsync();
        Assert.Equal(2, await _engine.Items.SetAsync("a", new Item(5)));

        var rejected = await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.FlushAsync("a"));

        Assert.Equal(2, Assert.IsType<WriteConflictException>(rejected.InnerException).CurrentVersion);
        Assert.Equal(new ItemRow("a", 2, 99, null), await _engine.Table.RowAsync("a"));
        var letter = (await _engine.Engine.DeadLetters.ShowAsync("item", "a"))!;
        Assert.Equal((DeadLetterReason.Fenced, 2, 2), (letter.Letter.Reason, letter.Letter.Version, letter.Letter.StoredVersion));
        Assert.Contains("\"Quantity\":5", System.Text.Encoding.UTF8.GetString(letter.Payload!.Value.Span), StringComparison.Ordinal);
        Assert.True(_engine.Log.Has(LogLevel.Error, "is a dead letter (Fenced)"));
        Assert.Equal((1, 0), ((await _engine.StatusAsync()).Counters.Fenced, (await _engine.StatusAsync()).Dirty));
    }

    [Fact]
    public async Task A_write_through_that_meets_it_is_told_so()
    {
        await WriteAndRaiseAsync();

        var error = await Assert.ThrowsAsync<WriteThroughException>(
            () => _engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(5)));

        Assert.IsType<EntityRejectedException>(error.InnerException);
        Assert.Equal(99, (await _engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task A_delete_that_meets_it_leaves_the_row_and_is_told()
    {
        await WriteAndRaiseAsync();
        await _engine.Items.DeleteAsync("a");

        // The delete looked at the row, so its version is the next one.
        await _engine.FlushAsync("a");
        Assert.Null(await _engine.Table.RowAsync("a"));

        await _engine.Items.SetAsync("b", new Item(1));
        await _engine.FlushAsync("b");
        await _engine.Items.DeleteAsync("b");
        await RaiseAsync("b");
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.FlushAsync("b"));
        Assert.Equal(new ItemRow("b", 2, 99, null), await _engine.Table.RowAsync("b"));
    }

    [Fact]
    public async Task Its_owner_is_refused_and_goes_on_from_the_row()
    {
        var session = _engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
        await RaiseAsync("a");
        await session.SaveAsync(new Item(5));

        Assert.Equal(EntityFlush.Superseded, await session.TryFlushAsync());
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(6)));

        Assert.Equal(new Item(99), await session.LoadAsync());
        Assert.Equal(3, await session.SaveAsync(new Item(7)));
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
        Assert.Equal(new ItemRow("a", 3, 7, null), await _engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_replay_of_the_very_write_is_still_none()
    {
        await _engine.Items.SetAsync("a", new Item(1, "note"));
        _engine.Sink.AfterSave = static _ => throw SinkProbe.Outage();
        await Assert.ThrowsAsync<FlushIncompleteException>(() => _engine.Items.FlushAsync("a", TimeSpan.Zero));
        Assert.Equal(new ItemRow("a", 1, 1, "note"), await _engine.Table.RowAsync("a"));
        _engine.Sink.AfterSave = null;
        await _engine.FlushAsync("a");

        Assert.Equal(new ItemRow("a", 1, 1, "note"), await _engine.Table.RowAsync("a"));
        Assert.Empty(await _engine.Engine.DeadLetters.ListAsync("item"));
    }

    [Fact]
    public async Task A_put_on_the_version_that_a_load_gave_succeeds_though_others_raised_the_row()
    {
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.FlushAsync("a");
        await _engine.Table.PutAsync(new ItemRow("a", 5, 50, "theirs"));

        var loaded = (await _engine.Items.GetAsync("a"))!;
        Assert.Equal(new Entity<Item>("a", 5, new Item(50, "theirs")), loaded);
        Assert.Equal(6, await _engine.Items.SetAsync("a", new Item(51), expectedVersion: loaded.Version));

        await _engine.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 6, 51, null), await _engine.Table.RowAsync("a"));
        await Assert.ThrowsAsync<WriteConflictException>(() => _engine.Items.SetAsync("a", new Item(52), expectedVersion: 5));
    }

    private async Task WriteAndRaiseAsync()
    {
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.FlushAsync("a");
        await RaiseAsync("a");
    }

    private Task RaiseAsync(string id) => _engine.Table.ExecuteAsync(
        """UPDATE items SET quantity = 99, "Version" = "Version" + 1 WHERE id = @id""", new Npgsql.NpgsqlParameter("id", id));
}
