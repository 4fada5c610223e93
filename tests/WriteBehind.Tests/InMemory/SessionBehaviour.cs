using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What is promised of sessions, on real servers and in memory.</summary>
public abstract class SessionBehaviour(Func<BehaviourOptions, Task<BehaviourHost>> start)
{
    [Fact]
    public async Task A_session_loads_saves_and_knows_what_the_database_lacks()
    {
        await using var host = await start(new());
        var session = host.Items.OpenSession("a");
        Assert.False(session.IsLoaded);
        await Assert.ThrowsAsync<InvalidOperationException>(() => session.SaveAsync(new Item(1)));

        Assert.Null(await session.LoadAsync());
        Assert.Equal((true, false, false, 0), (session.IsLoaded, session.Exists, session.IsDirty, session.Version));
        Assert.Equal(1, await session.SaveAsync(new Item(1)));
        Assert.Equal(2, await session.SaveAsync(new Item(2)));
        Assert.Equal((true, true, 2), (session.Exists, session.IsDirty, session.Version));

        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
        Assert.False(session.IsDirty);
        Assert.Equal(new ItemRow("a", 2, 2, null), await host.RowAsync("a"));
        Assert.Equal(3, await session.SaveAsync(new Item(3)));
    }

    [Fact]
    public async Task A_session_that_is_behind_is_refused_and_goes_on_after_a_load()
    {
        await using var host = await start(new());
        await using var other = await host.StartOtherAsync();
        var (session, stale) = (host.Items.OpenSession("a"), other.Items.OpenSession("a"));
        await session.LoadAsync();
        await stale.LoadAsync();
        await session.SaveAsync(new Item(1));

        var error = await Assert.ThrowsAsync<WriteConflictException>(() => stale.SaveAsync(new Item(9)));
        Assert.Equal((0, 1), (error.ExpectedVersion, error.CurrentVersion));
        Assert.False(stale.IsLoaded);

        Assert.Equal(new Item(1), await stale.LoadAsync());
        Assert.True(stale.IsDirty);
        Assert.Equal(2, await stale.SaveAsync(new Item(2)));
        await Assert.ThrowsAsync<WriteConflictException>(() => session.DeleteAsync());
    }

    [Fact]
    public async Task It_is_refused_too_where_the_other_write_is_flushed_already()
    {
        await using var host = await start(new());
        var (session, stale) = (host.Items.OpenSession("a"), host.Items.OpenSession("a"));
        await session.LoadAsync();
        await stale.LoadAsync();
        await session.SaveAsync(new Item(1));
        await host.Items.FlushAsync("a");

        await Assert.ThrowsAsync<WriteConflictException>(() => stale.SaveAsync(new Item(9)));
        Assert.Equal(new ItemRow("a", 1, 1, null), await host.RowAsync("a"));
    }

    [Fact]
    public async Task A_session_deletes_and_saves_anew()
    {
        await using var host = await start(new());
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();
        Assert.Equal(0, await session.DeleteAsync());
        await session.SaveAsync(new Item(1));

        Assert.Equal(2, await session.DeleteAsync());
        Assert.Equal((false, true), (session.Exists, session.IsDirty));
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
        Assert.Null(await host.RowAsync("a"));
        Assert.Equal(3, await session.SaveAsync(new Item(3)));
    }

    [Fact]
    public async Task An_assumed_version_is_confirmed_by_the_next_save()
    {
        await using var host = await start(new());
        await host.PutRowAsync("a", 4, new Item(1));
        var session = host.Items.OpenSession("a");

        session.Assume(3, exists: true);
        var error = await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
        Assert.Equal((3, 4, false), (error.ExpectedVersion, error.CurrentVersion, session.IsLoaded));

        session.Assume(4, exists: true);
        Assert.Equal(5, await session.SaveAsync(new Item(2)));
        session.Assume(0, exists: false);
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(3)));
    }

    [Fact]
    public async Task A_try_to_flush_says_what_it_came_to()
    {
        await using var host = await start(new() { Item = static item => item.MaxAttempts = 1 });
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();

        await session.SaveAsync(new Item(-1));
        Assert.Equal(EntityFlush.Rejected, await session.TryFlushAsync());
        Assert.Equal(2, await session.SaveAsync(new Item(1)));
        host.SetDatabaseAway(true);
        Assert.Equal(EntityFlush.Pending, await session.TryFlushAsync());
        host.SetDatabaseAway(false);
        await host.Items.FlushAsync("a", TimeSpan.FromSeconds(60));
        Assert.True(session.IsDirty);
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());

        await session.SaveAsync(new Item(2));
        await host.PutRowAsync("a", 8, new Item(80));
        Assert.Equal(EntityFlush.Superseded, await session.TryFlushAsync());
    }

    [Fact]
    public async Task A_session_writes_through_and_stays_usable_where_that_fails()
    {
        await using var host = await start(new() { Item = static item => item.WriteThroughTimeout = TimeSpan.FromSeconds(1) });
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        host.SetDatabaseAway(true);

        await Assert.ThrowsAsync<WriteThroughException>(() => session.WriteThroughAsync());
        await session.SaveAsync(new Item(2));
        host.SetDatabaseAway(false);
        await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        await session.WriteThroughAsync();

        Assert.False(session.IsDirty);
        Assert.Equal(new ItemRow("a", 2, 2, null), await host.RowAsync("a"));
    }

    [Fact]
    public async Task A_session_whose_write_has_an_unknown_outcome_insists_on_a_load()
    {
        await using var host = await start(new() { HarmsRedis = true });
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();

        await host.WriteWithLostAnswerAsync("a", () => session.SaveAsync(new Item(1)));

        Assert.False(session.IsLoaded);
        await Assert.ThrowsAsync<InvalidOperationException>(() => session.SaveAsync(new Item(2)));
        Assert.Equal(new Item(1), await session.LoadAsync());
        Assert.Equal(2, await session.SaveAsync(new Item(2)));
    }

    [Fact]
    public async Task A_save_at_the_bound_is_refused_and_the_session_goes_on()
    {
        await using var host = await start(new() { Item = static item => item.MaxDirty = 1 });
        await host.Items.SetAsync("b", new Item(1));
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();

        await Assert.ThrowsAsync<BufferFullException>(() => session.SaveAsync(new Item(1)));
        Assert.Throws<BufferFullException>(session.ThrowIfRefusing);
        Assert.Throws<PayloadException>(() => session.ThrowIfUnsavable(new Item(1, "a\0b")));
        await host.Items.FlushAsync("b");
        Assert.Equal(1, await session.SaveAsync(new Item(1)));
    }
}

public sealed class RealSessionBehaviour() : SessionBehaviour(RealHost.StartAsync);

public sealed class InMemorySessionBehaviour() : SessionBehaviour(MemoryHost.StartAsync);
