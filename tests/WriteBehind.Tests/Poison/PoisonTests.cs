using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

public sealed class PoisonTests
{
    // hazelcast/hazelcast#7762, hazelcast/hazelcast#8918, hazelcast/hazelcast#11796
    [Fact]
    public async Task Of_a_b_and_c_with_b_unstorable_a_and_c_land_at_once_and_b_becomes_a_dead_letter()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true });
        await Task.WhenAll(
            engine.Items.SetAsync("a", new Item(1)),
            engine.Items.SetAsync("b", new Item(-1)),
            engine.Items.SetAsync("c", new Item(3)));

        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).Count == 2);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()) is { Dirty: 0, DeadLetters: 1 });

        Assert.Equal(["a", "c"], (await engine.Table.RowsAsync()).Keys.Order());
        var letter = Assert.Single(await engine.Engine.DeadLetters.ListAsync("item"));
        Assert.Equal(("b", 1, DeadLetterReason.Rejected, 5), (letter.Id, letter.Version, letter.Reason, letter.Attempts));
        Assert.Equal("23514", letter.Code);
        Assert.Contains("quantity_not_negative", letter.Error, StringComparison.Ordinal);
        Assert.True(letter.FirstFailedAt < letter.SetAsideAt);
        Assert.Equal(-1, (await engine.Items.GetAsync("b"))!.State.Quantity);
    }

    [Fact]
    public async Task A_flush_of_everything_returns_and_names_what_the_database_rejects()
    {
        await using var engine = await TestEngine.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => engine.Items.SetAsync($"good{i}", new Item(i))));
        await engine.Items.SetAsync("bad", new Item(1, Item.TooLongNote));

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(50, report.Flushed);
        Assert.Equal(new("item", "bad"), Assert.Single(report.Rejected));
        Assert.Equal(1, report.Remaining["item"]);
        Assert.Equal(50, (await engine.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_flush_of_the_bad_one_says_why_and_that_its_state_is_kept()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("bad", new Item(1, Item.TooLongNote));

        var error = await Assert.ThrowsAsync<EntityRejectedException>(() => engine.Items.FlushAsync("bad"));

        Assert.Equal(("item", "bad", 1), (error.EntityType, error.EntityId, error.Version));
        Assert.Contains("value too long", error.Message, StringComparison.Ordinal);
        Assert.Equal("22001", Assert.IsType<SinkException>(error.InnerException).Code);
        Assert.Equal(Item.TooLongNote, (await engine.Items.GetAsync("bad"))!.State.Note);
    }

    [Fact]
    public async Task A_bad_entity_that_is_written_well_again_is_no_dead_letter()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(-1));
        await Assert.ThrowsAsync<EntityRejectedException>(() => engine.Items.FlushAsync("a"));
        await engine.Items.SetAsync("a", new Item(1));

        await engine.Items.FlushAsync("a");

        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        Assert.Equal((0, 0), ((await engine.StatusAsync()).Dirty, (await engine.StatusAsync()).DeadLetters));
    }
}
