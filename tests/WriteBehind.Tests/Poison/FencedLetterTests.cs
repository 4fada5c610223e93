using System.Text;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Poison;

/// <summary>The row is newer than what Redis has: Redis was set back, or something wrote the row past the engine.</summary>
public sealed class FencedLetterTests : IAsyncLifetime
{
    private static readonly ItemRow Newer = new("a", Version: 7, Quantity: 70, Note: "newer");
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _engine = await TestEngine.StartAsync();
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.Table.PutAsync(Newer);
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync("a"));
    }

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task The_newer_row_stays_and_the_state_is_kept_in_a_letter()
    {
        Assert.Equal(Newer, await _engine.Table.RowAsync("a"));
        var detail = (await _engine.Engine.DeadLetters.ShowAsync("item", "a"))!;
        Assert.Equal((DeadLetterReason.Fenced, 1, 7), (detail.Letter.Reason, detail.Letter.Version, detail.Letter.StoredVersion));
        Assert.Equal("""{"Quantity":1,"Note":null}""", Encoding.UTF8.GetString(detail.Payload!.Value.Span));
        Assert.Equal(1, (await _engine.StatusAsync()).Counters.Fenced);
        Assert.Equal(0, (await _engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task Its_owner_gets_a_conflict_and_reloads_the_newer_row()
    {
        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => _engine.Items.SetAsync("a", new Item(2), expectedVersion: 1));
        Assert.Equal(7, conflict.CurrentVersion);
        Assert.Equal(new Entity<Item>("a", 7, new Item(70, "newer")), await _engine.Items.GetAsync("a"));

        var written = await _engine.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 });

        Assert.Equal(new Entity<Item>("a", 8, new Item(71, "newer")), written);
        await _engine.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 8, 71, "newer"), await _engine.Table.RowAsync("a"));
        Assert.Empty(await _engine.Engine.DeadLetters.ListAsync("item"));
    }

    [Fact]
    public async Task A_retry_writes_its_state_on_top_of_the_newer_row()
    {
        Assert.True(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        await _engine.Items.FlushAsync("a");

        Assert.Equal(new ItemRow("a", 8, 1, null), await _engine.Table.RowAsync("a"));
        Assert.Empty(await _engine.Engine.DeadLetters.ListAsync("item"));
    }

    [Fact]
    public async Task A_discard_leaves_the_newer_row_as_it_is()
    {
        Assert.True(await _engine.Engine.DeadLetters.DiscardAsync("item", "a"));

        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        Assert.Equal(Newer, await _engine.Table.RowAsync("a"));
        Assert.Equal(70, (await _engine.Items.GetAsync("a"))!.State.Quantity);
        Assert.Null(await _engine.Engine.DeadLetters.ShowAsync("item", "a"));
    }

    [Fact]
    public async Task A_delete_that_is_older_than_the_row_is_fenced_too_and_its_retry_deletes()
    {
        await _engine.Items.DeleteAsync("a");
        await _engine.Table.PutAsync(Newer with { Version = 20 });
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync("a"));
        var detail = (await _engine.Engine.DeadLetters.ShowAsync("item", "a"))!;
        Assert.Equal((true, null, 20), (detail.IsDelete, detail.Payload, detail.Letter.StoredVersion));
        Assert.NotNull(await _engine.Items.GetAsync("a"));

        Assert.True(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        await _engine.Items.FlushAsync("a");
        Assert.Null(await _engine.Table.RowAsync("a"));
    }
}
