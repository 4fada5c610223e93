using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.LostUpdates;

// dotnet/orleans#5687, dotnet/orleans#6857: two owners of one state, and the one behind overwrote the other silently.
public sealed class StaleOwnerTests
{
    [Fact]
    public async Task A_write_that_expects_an_old_version_is_refused_with_both_versions_and_changes_nothing()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        Assert.Equal(1, await first.Items.SetAsync("a", new Item(1)));
        Assert.Equal(2, await second.Items.SetAsync("a", new Item(2), expectedVersion: 1));

        var put = await Assert.ThrowsAsync<WriteConflictException>(() => first.Items.SetAsync("a", new Item(3), expectedVersion: 1));
        var delete = await Assert.ThrowsAsync<WriteConflictException>(() => first.Items.DeleteAsync("a", expectedVersion: 1));

        Assert.All([put, delete], conflict =>
            Assert.Equal(("item", "a", 1, 2), (conflict.EntityType, conflict.EntityId, conflict.ExpectedVersion, conflict.CurrentVersion)));
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await first.Items.GetAsync("a"));
        Assert.Equal(2, (await first.StatusAsync()).Counters.Conflicts);
    }

    [Fact]
    public async Task Expecting_version_0_creates_and_never_overwrites()
    {
        await using var engine = await TestEngine.StartAsync();
        Assert.Equal(1, await engine.Items.SetAsync("a", new Item(1), expectedVersion: 0));
        await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.SetAsync("a", new Item(2), expectedVersion: 0));

        await engine.Table.PutAsync(new ItemRow("row", 4, 4, null));
        var conflict = await Assert.ThrowsAsync<WriteConflictException>(
            () => engine.Items.SetAsync("row", new Item(2), expectedVersion: 0));
        Assert.Equal(4, conflict.CurrentVersion);
    }

    [Theory]
    [InlineData(AfterFlush.Delete)]
    [InlineData(AfterFlush.Keep)]
    public async Task Expecting_version_0_does_not_overwrite_a_row_from_before_whose_version_is_0(AfterFlush afterFlush)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.AfterFlush = afterFlush });
        await engine.Table.PutAsync(new ItemRow("row", 0, 7, null));
        Assert.Equal(new Entity<Item>("row", 0, new Item(7)), await engine.Items.GetAsync("row"));

        var put = await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.SetAsync("row", new Item(1), expectedVersion: 0));
        var delete = await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.DeleteAsync("row", expectedVersion: 0));
        Assert.All([put, delete], conflict => Assert.Equal((0, 0), (conflict.ExpectedVersion, conflict.CurrentVersion)));
        Assert.Contains("exists", put.Message, StringComparison.Ordinal);
        Assert.Equal(new ItemRow("row", 0, 7, null), await engine.Table.RowAsync("row"));

        // From its first change on it can be named.
        Assert.Equal(1, (await engine.Items.UpdateAsync("row", state => state! with { Note = "seen" }))!.Version);
        Assert.Equal(2, await engine.Items.SetAsync("row", new Item(8), expectedVersion: 1));
        await engine.Items.DeleteAsync("nothing", expectedVersion: 0);
    }

    [Fact]
    public async Task A_session_that_takes_an_entity_for_absent_does_not_overwrite_a_row_from_before_whose_version_is_0()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("row", 0, 7, null));
        var session = engine.Items.OpenSession("row");

        session.Assume(0, exists: false);
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(1)));
        session.Assume(0, exists: false);
        await Assert.ThrowsAsync<WriteConflictException>(() => session.DeleteAsync());

        session.Assume(0, exists: true);
        Assert.Equal(1, await session.SaveAsync(new Item(8)));
    }

    [Fact]
    public async Task Of_many_writers_that_expect_the_same_version_exactly_one_is_accepted()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Items.SetAsync("a", new Item(0));

        var writes = await Task.WhenAll(Enumerable.Range(1, 40).Select(async i =>
        {
            try
            {
                return await (i % 2 == 0 ? first : second).Items.SetAsync("a", new Item(i), expectedVersion: 1);
            }
            catch (WriteConflictException)
            {
                return 0;
            }
        }));

        Assert.Equal(2, writes.Single(version => version != 0));
        var won = Array.FindIndex(writes, version => version != 0) + 1;
        Assert.Equal(new Entity<Item>("a", 2, new Item(won)), await first.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_writer_that_loaded_before_another_wrote_and_flushed_meets_the_fence_and_is_refused()
    {
        await using var stale = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(stale.Options);
        var buffer = await BufferView.OfAsync(stale);
        await stale.Items.SetAsync("a", new Item(1));
        await stale.FlushAsync("a");

        using var loaded = stale.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var write = stale.Items.SetAsync("a", new Item(-1), expectedVersion: 1);
        await loaded.ReachedAsync();
        await other.Items.SetAsync("a", new Item(2));
        await other.FlushAsync("a");
        Assert.Null(await buffer.VersionAsync("a"));
        loaded.Release();

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => write);
        Assert.Equal((1, 2), (conflict.ExpectedVersion, conflict.CurrentVersion));
        await stale.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 2, 2, null), await stale.Table.RowAsync("a"));
    }

    [Fact]
    public async Task An_update_that_loaded_before_another_wrote_and_flushed_is_run_again_on_the_newer_state()
    {
        await using var stale = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(stale.Options);
        await stale.Items.SetAsync("a", new Item(10));
        await stale.FlushAsync("a");

        using var loaded = stale.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var update = stale.Items.UpdateAsync("a", state => state! with { Quantity = state.Quantity + 1 });
        await loaded.ReachedAsync();
        await other.Items.UpdateAsync("a", state => state! with { Quantity = state.Quantity + 100 });
        await other.FlushAsync("a");
        loaded.Release();

        Assert.Equal(new Entity<Item>("a", 3, new Item(111)), await update);
        Assert.Equal(1, (await stale.StatusAsync()).Counters.Conflicts);
        await stale.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 3, 111, null), await stale.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_writer_that_loaded_before_another_deleted_and_flushed_meets_the_fence_of_the_tombstone()
    {
        await using var stale = await TestEngine.StartAsync(new() { Item = item => item.FenceTime = TimeSpan.FromMinutes(1) });
        await using var other = await TestEngine.StartAsync(stale.Options);
        var buffer = await BufferView.OfAsync(stale);
        await stale.Items.SetAsync("a", new Item(1));
        await stale.FlushAsync("a");

        using var loaded = stale.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var update = stale.Items.UpdateAsync("a", state => new Item((state?.Quantity ?? 50) + 1));
        await loaded.ReachedAsync();
        await other.Items.DeleteAsync("a");
        await other.FlushAsync("a");
        Assert.Null(await stale.Table.RowAsync("a"));
        Assert.InRange(
            await buffer.FenceTimeToLiveAsync("a"), TimeSpan.FromHours(23).TotalMilliseconds, TimeSpan.FromHours(24).TotalMilliseconds);
        loaded.Release();

        // Not 2: the state that was deleted does not count any more, its version does.
        Assert.Equal(new Entity<Item>("a", 3, new Item(51)), await update);
    }

    [Fact]
    public async Task An_update_gives_up_with_a_conflict_where_others_are_always_first()
    {
        await using var loser = await TestEngine.StartAsync(new() { Engine = engine => engine.MaxUpdateRetries = 3 });
        await using var other = await TestEngine.StartAsync(loser.Options);
        loser.Gate.RunAt(
            ProtocolStep.BeforeWrite, () => other.Items.UpdateAsync("a", state => new Item((state?.Quantity ?? 0) + 1)), times: 4);

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => loser.Items.UpdateAsync("a", _ => new Item(-1)));
        Assert.Equal((3, 4), (conflict.ExpectedVersion, conflict.CurrentVersion));
        Assert.Equal(new Entity<Item>("a", 4, new Item(4)), await loser.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_flush_that_meets_a_newer_row_leaves_it_alone_and_sets_its_own_state_aside()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Table.PutAsync(new ItemRow("a", 9, 9, "newer"));

        var rejected = await Assert.ThrowsAsync<EntityRejectedException>(() => engine.FlushAsync("a"));
        Assert.Equal("a", rejected.EntityId);
        Assert.Equal(new ItemRow("a", 9, 9, "newer"), await engine.Table.RowAsync("a"));

        // The row counts from now on, for readers as for writers; nothing that was acknowledged is thrown away.
        Assert.Equal(new Entity<Item>("a", 9, new Item(9, "newer")), await engine.Items.GetAsync("a"));
        var letter = Assert.Single(await engine.Engine.DeadLetters.ListAsync("item"));
        Assert.Equal((1, DeadLetterReason.Fenced, 9), (letter.Version, letter.Reason, letter.StoredVersion));
        Assert.Equal(10, await engine.Items.SetAsync("a", new Item(10)));
    }
}
