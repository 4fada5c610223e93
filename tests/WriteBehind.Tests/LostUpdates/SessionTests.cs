using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.LostUpdates;

/// <summary>Owners that keep a state in memory, and what they are told when it no longer counts.</summary>
public sealed class SessionTests
{
    [Fact]
    public async Task A_session_whose_write_was_lost_does_not_take_anothers_write_of_the_same_version_for_its_own()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));

        await redis.WipeAsync();
        await Eventually.TrueAsync(async () => await engine.Items.SetAsync("a", new Item(2)) == 1);
        await engine.FlushAsync("a");
        await redis.WipeAsync();
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("a") is not null);

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(3)));
        Assert.Equal((1, 1), (conflict.ExpectedVersion, conflict.CurrentVersion));
        Assert.Equal(2, (await session.LoadAsync())!.Quantity);
        Assert.Equal(2, await session.SaveAsync(new Item(4)));
    }

    [Fact]
    public async Task Knowledge_that_nobody_confirmed_is_checked_in_the_database_even_where_fences_last_for_a_century()
    {
        var century = TimeSpan.FromDays(36_500);
        await using var engine = await TestEngine.StartAsync(new()
        {
            Item = item => (item.FenceTime, item.TombstoneFenceTime, item.Shards) = (century, century, 1),
        });
        await engine.Table.PutAsync(new ItemRow("a", 7, 1, null));
        Assert.Null(await engine.Items.GetAsync("b"));
        var session = engine.Items.OpenSession("a");
        session.Assume(6, exists: true);

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
        Assert.Equal((6, 7), (conflict.ExpectedVersion, conflict.CurrentVersion));
    }

    [Fact]
    public async Task A_session_whose_write_was_flushed_goes_on_from_it()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());

        await redis.WipeAsync();
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("a") is not null);

        Assert.Equal(2, await session.SaveAsync(new Item(2)));
    }

    [Fact]
    public async Task A_flush_that_finds_nothing_to_do_as_redis_lost_the_write_does_not_count_as_saved()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await redis.WipeAsync();
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("nobody") is null);

        Assert.Equal(EntityFlush.Superseded, await session.TryFlushAsync());

        Assert.True(session.IsDirty);
        Assert.Equal(1, await engine.Items.SetAsync("a", new Item(2)));
        await engine.FlushAsync("a");
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(3)));
        Assert.Equal(new ItemRow("a", 1, 2, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_session_whose_write_somebody_else_flushed_learns_that_it_is_saved()
    {
        await using var engine = await TestEngine.StartAsync();
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await engine.FlushAsync("a");

        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
        Assert.False(session.IsDirty);
    }

    [Fact]
    public async Task A_session_whose_state_was_fenced_by_a_newer_row_is_told_to_load()
    {
        await using var engine = await TestEngine.StartAsync();
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await engine.Table.PutAsync(new ItemRow("a", 9, 90, null));

        Assert.Equal(EntityFlush.Superseded, await session.TryFlushAsync());
        Assert.Equal(EntityFlush.Superseded, await session.TryFlushAsync());

        Assert.Equal(90, (await session.LoadAsync())!.Quantity);
        Assert.Equal(10, await session.SaveAsync(new Item(91)));
    }

    [Fact]
    public async Task A_session_whose_state_the_database_rejects_keeps_it()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(-1));

        Assert.Equal(EntityFlush.Rejected, await session.TryFlushAsync());
        Assert.Equal(EntityFlush.Rejected, await session.TryFlushAsync());
        Assert.Equal(2, await session.SaveAsync(new Item(1)));
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
    }

    [Fact]
    public async Task A_session_whose_dead_letter_was_discarded_is_told_to_load()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        await engine.Items.SetAsync("a", new Item(5));
        await engine.FlushAsync("a");
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(-1));
        Assert.Equal(EntityFlush.Rejected, await session.TryFlushAsync());
        await engine.Engine.DeadLetters.DiscardAsync("item", "a");

        Assert.Equal(EntityFlush.Superseded, await session.TryFlushAsync());
        Assert.Equal(5, (await session.LoadAsync())!.Quantity);
    }
}
