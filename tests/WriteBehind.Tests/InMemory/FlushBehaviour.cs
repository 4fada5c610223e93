using System.Text;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What is promised of flushes, rows of others, dead letters and clean entries, on real servers and in memory.</summary>
public abstract class FlushBehaviour(Func<BehaviourOptions, Task<BehaviourHost>> start)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_flush_of_everything_says_what_it_flushed()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.SetAsync("b", new Item(2));

        var report = await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((2, true), (report.Flushed, report.IsClean));
        Assert.Equal(0, (await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).Flushed);
    }

    [Fact]
    public async Task While_the_database_is_away_flushes_fail_and_what_is_dirty_stays_so()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        host.SetDatabaseAway(true);

        await Assert.ThrowsAsync<FlushIncompleteException>(() => host.Items.FlushAsync("a", Soon));
        var report = await host.Engine.FlushAllAsync(Soon);
        Assert.Equal((0, 1, false), (report.Flushed, report.Remaining["item"], report.IsClean));
        Assert.NotEqual(BreakerState.Closed, (await host.StatusAsync()).Breaker);

        host.SetDatabaseAway(false);
        await host.Items.FlushAsync("a", TimeSpan.FromSeconds(60));
        Assert.Equal(new ItemRow("a", 1, 1, null), await host.RowAsync("a"));
        Assert.Equal(BreakerState.Closed, (await host.StatusAsync()).Breaker);
    }

    [Fact]
    public async Task A_write_through_returns_once_the_row_is_there()
    {
        await using var host = await start(new());
        var through = host.Items.With(WriteStrategy.Through);

        await through.SetAsync("a", new Item(1));
        Assert.Equal(new ItemRow("a", 1, 1, null), await host.RowAsync("a"));
        await through.UpdateAsync("a", static item => item! with { Quantity = 2 });
        Assert.Equal(new ItemRow("a", 2, 2, null), await host.RowAsync("a"));
        await through.DeleteAsync("a");
        Assert.Null(await host.RowAsync("a"));
    }

    [Fact]
    public async Task A_write_through_that_the_database_does_not_take_counts_all_the_same()
    {
        await using var host = await start(new()
        {
            Item = static item => (item.WriteStrategy, item.WriteThroughTimeout) = (WriteStrategy.Through, Soon),
        });

        var rejected = await Assert.ThrowsAsync<WriteThroughException>(() => host.Items.SetAsync("bad", new Item(-1)));
        await host.Items.SetAsync("a", new Item(1));
        host.SetDatabaseAway(true);
        await host.Items.With(WriteStrategy.Behind).SetAsync("a", new Item(2));
        var away = await Assert.ThrowsAsync<WriteThroughException>(() => host.Items.SetAsync("a", new Item(3)));

        Assert.Equal((1, typeof(EntityRejectedException)), (rejected.Version, rejected.InnerException!.GetType()));
        Assert.Equal((3, typeof(FlushIncompleteException)), (away.Version, away.InnerException!.GetType()));
        Assert.Equal(new Entity<Item>("a", 3, new Item(3)), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task What_the_database_rejects_is_a_dead_letter_after_a_few_tries_and_the_others_are_rows()
    {
        await using var host = await start(new() { Item = static item => item.MaxAttempts = 3 });
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.SetAsync("bad", new Item(-1, "n"));
        await host.Items.SetAsync("c", new Item(3));

        var report = await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(new EntityRef("item", "bad"), Assert.Single(report.Rejected));
        Assert.Equal((1, 3), ((await host.RowAsync("a"))!.Quantity, (await host.RowAsync("c"))!.Quantity));
        var letter = await host.BuryAsync("bad");

        Assert.Equal(("item", "bad", 1, DeadLetterReason.Rejected, "23514", 3),
            (letter.Type, letter.Id, letter.Version, letter.Reason, letter.Code, letter.Attempts));
        Assert.Contains("quantity_not_negative", letter.Error, StringComparison.Ordinal);
        Assert.Equal(letter, Assert.Single(await host.Engine.DeadLetters.ListAsync("item")));
        var shown = await host.Engine.DeadLetters.ShowAsync("item", "bad");
        Assert.Equal("""{"Quantity":-1,"Note":"n"}""", Encoding.UTF8.GetString(shown!.Payload!.Value.Span));
        Assert.Equal((0, 1), ((await host.StatusAsync()).Dirty, (await host.StatusAsync()).DeadLetters));
        Assert.Equal(new Entity<Item>("bad", 1, new Item(-1, "n")), await host.Items.GetAsync("bad"));
    }

    [Fact]
    public async Task A_dead_letter_is_tried_again_by_a_retry_and_replaced_by_a_write()
    {
        await using var host = await start(new() { Item = static item => item.MaxAttempts = 1 });
        await host.Items.SetAsync("bad", new Item(-1));
        await host.BuryAsync("bad");

        Assert.True(await host.Engine.DeadLetters.RetryAsync("item", "bad"));
        Assert.Equal((1, 0), ((await host.StatusAsync()).Dirty, (await host.StatusAsync()).DeadLetters));
        await host.BuryAsync("bad");
        Assert.Equal(1, await host.Engine.DeadLetters.RetryAllAsync("item"));
        await host.BuryAsync("bad");

        Assert.Equal(2, await host.Items.SetAsync("bad", new Item(1)));
        Assert.Empty(await host.Engine.DeadLetters.ListAsync("item"));
        await host.Items.FlushAsync("bad");
        Assert.Equal(new ItemRow("bad", 2, 1, null), await host.RowAsync("bad"));
        Assert.False(await host.Engine.DeadLetters.RetryAsync("item", "bad"));
    }

    [Fact]
    public async Task A_discarded_letter_takes_its_state_with_it_and_its_writer_is_told()
    {
        await using var host = await start(new() { Item = static item => item.MaxAttempts = 1 });
        await host.PutRowAsync("a", 4, new Item(7));
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(-1));
        await host.BuryAsync("a");

        Assert.True(await host.Engine.DeadLetters.DiscardAsync("item", "a"));
        Assert.False(await host.Engine.DeadLetters.DiscardAsync("item", "a"));

        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(8)));
        Assert.Equal(new Item(7), await session.LoadAsync());
        Assert.True(await session.SaveAsync(new Item(8)) > 5);
    }

    [Fact]
    public async Task A_newer_row_of_another_program_fences_what_is_dirty()
    {
        await using var host = await start(new());
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await host.PutRowAsync("a", 9, new Item(50));

        await Assert.ThrowsAsync<EntityRejectedException>(() => host.Items.FlushAsync("a"));
        var letter = Assert.Single(await host.Engine.DeadLetters.ListAsync("item"));
        Assert.Equal((DeadLetterReason.Fenced, 1, 9), (letter.Reason, letter.Version, letter.StoredVersion));

        Assert.Equal(new Entity<Item>("a", 9, new Item(50)), await host.Items.GetAsync("a"));
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
        Assert.False(session.IsLoaded);
        Assert.Equal(new Item(50), await session.LoadAsync());
        Assert.Equal(10, await session.SaveAsync(new Item(51)));
    }

    [Fact]
    public async Task A_row_of_the_same_version_and_another_content_fences_it_too()
    {
        await using var host = await start(new());
        var session = host.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await host.PutRowAsync("a", 1, new Item(50));

        await Assert.ThrowsAsync<EntityRejectedException>(() => host.Items.FlushAsync("a"));

        Assert.Equal(1, Assert.Single(await host.Engine.DeadLetters.ListAsync("item")).StoredVersion);
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
        Assert.Equal(new Entity<Item>("a", 1, new Item(50)), await host.Items.GetAsync("a"));
        Assert.Equal(2, await host.Items.SetAsync("a", new Item(3)));
    }

    [Fact]
    public async Task A_row_that_has_what_is_to_be_saved_is_a_no_op()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.PutRowAsync("a", 1, new Item(1));

        await host.Items.FlushAsync("a");

        Assert.Equal(1, (await host.StatusAsync()).Counters.NoOps);
        Assert.Empty(await host.Engine.DeadLetters.ListAsync("item"));
    }

    [Fact]
    public async Task The_retry_of_a_fenced_letter_writes_its_state_on_top_of_the_row()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.PutRowAsync("a", 9, new Item(50));
        await Assert.ThrowsAsync<EntityRejectedException>(() => host.Items.FlushAsync("a"));

        Assert.True(await host.Engine.DeadLetters.RetryAsync("item", "a"));
        await host.Items.FlushAsync("a");

        Assert.Equal(new ItemRow("a", 10, 1, null), await host.RowAsync("a"));
        Assert.Empty(await host.Engine.DeadLetters.ListAsync("item"));
    }

    [Fact]
    public async Task A_change_goes_on_top_of_the_row_that_another_program_has_raised()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.FlushAsync("a");
        await host.PutRowAsync("a", 5, new Item(50));

        var changed = await host.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 });
        await host.Items.FlushAsync("a");

        Assert.Equal(new Entity<Item>("a", 6, new Item(51)), changed);
        Assert.Equal(new ItemRow("a", 6, 51, null), await host.RowAsync("a"));
    }

    [Fact]
    public async Task A_put_that_looks_at_nothing_goes_on_from_what_was_flushed_and_meets_the_raised_row_at_its_flush()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.FlushAsync("a");
        await host.PutRowAsync("a", 5, new Item(50));

        Assert.Equal(2, await host.Items.SetAsync("a", new Item(2)));
        await Assert.ThrowsAsync<EntityRejectedException>(() => host.Items.FlushAsync("a"));

        Assert.Equal(new Entity<Item>("a", 5, new Item(50)), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_row_that_somebody_removed_or_set_back_is_not_given_and_a_put_goes_on()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("gone", new Item(1));
        await host.Items.SetAsync("back", new Item(1));
        await host.Items.SetAsync("back", new Item(2));
        await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        await host.RemoveRowAsync("gone");
        await host.PutRowAsync("back", 1, new Item(1));

        var gone = await Assert.ThrowsAsync<StaleRowException>(() => host.Items.GetAsync("gone"));
        var back = await Assert.ThrowsAsync<StaleRowException>(() => host.Items.GetAsync("back"));

        Assert.Equal((1, null), (gone.SettledVersion, gone.StoredVersion));
        Assert.Equal((2, 1), (back.SettledVersion, back.StoredVersion));
        Assert.Equal(2, await host.Items.SetAsync("gone", new Item(5)));
        Assert.Equal(new Entity<Item>("gone", 2, new Item(5)), await host.Items.GetAsync("gone"));
    }

    [Fact]
    public async Task A_state_that_is_kept_after_its_flush_is_given_until_it_is_evicted()
    {
        await using var host = await start(new() { Item = static item => item.AfterFlush = AfterFlush.Keep });
        await host.Items.SetAsync("a", new Item(1));
        Assert.False(await host.Items.EvictAsync("a"));
        await host.Items.FlushAsync("a");
        await host.PutRowAsync("a", 5, new Item(50));

        Assert.Equal(new Entity<Item>("a", 1, new Item(1)), await host.Items.GetAsync("a"));
        Assert.True(await host.Items.EvictAsync("a"));
        Assert.Equal(new Entity<Item>("a", 5, new Item(50)), await host.Items.GetAsync("a"));

        // The read has put it there again.
        await host.PutRowAsync("a", 6, new Item(60));
        Assert.Equal(new Entity<Item>("a", 5, new Item(50)), await host.Items.GetAsync("a"));
        Assert.True(await host.Items.EvictAsync("a"));
        Assert.False(await host.Items.EvictAsync("a"));
    }

    [Fact]
    public async Task While_the_flush_is_paused_writes_are_taken_and_flushes_refused()
    {
        await using var host = await start(new());
        await host.Engine.PauseAsync("item", by: "a migration");
        await host.Items.SetAsync("a", new Item(1));

        var flush = await Assert.ThrowsAsync<FlushPausedException>(() => host.Items.FlushAsync("a"));
        var through = await Assert.ThrowsAsync<WriteThroughException>(
            () => host.Items.With(WriteStrategy.Through).SetAsync("a", new Item(2)));
        var report = await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("a migration", flush.Pause.By);
        Assert.IsType<FlushPausedException>(through.InnerException);
        Assert.Equal((0, 1, "a migration"), (report.Flushed, report.Remaining["item"], Assert.Single(report.Paused).By));
        Assert.Equal("a migration", (await host.StatusAsync()).Pause?.By);

        Assert.True(await host.Engine.ResumeAsync("item"));
        Assert.False(await host.Engine.ResumeAsync("item"));
        await host.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 2, 2, null), await host.RowAsync("a"));
    }

    [Fact]
    public async Task What_is_known_of_an_entity_is_shown_in_all_places()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", OperationId.New(), new Item(1));
        var dirty = await host.Engine.InspectAsync("item", "a");
        Assert.Equal((1, null, null, 1), (dirty.Buffered!.Version, dirty.Fence, dirty.Row?.Version, dirty.Memos));
        Assert.NotNull(dirty.DirtySince);
        Assert.Equal("a", Assert.Single(await host.Engine.OldestAsync("item")).Id);

        await host.Items.FlushAsync("a");
        var clean = await host.Engine.InspectAsync("item", "a");
        Assert.Equal((null, 1, 1), (clean.Buffered?.Version, clean.Fence, clean.Row!.Version));
        Assert.Equal(1, clean.Row.Json!.Value.GetProperty("Quantity").GetInt64());
        Assert.Equal((null, null), (clean.DirtySince, clean.DeadLetter));
        Assert.Empty(await host.Engine.OldestAsync("item"));
    }

    [Fact]
    public async Task What_differs_between_buffer_and_rows_is_found_and_mended()
    {
        await using var host = await start(new() { Item = static item => item.AfterFlush = AfterFlush.Keep });
        foreach (var id in new[] { "same", "gone", "raised" })
        {
            await host.Items.SetAsync(id, new Item(1));
        }

        await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        await host.Items.SetAsync("ahead", new Item(1));
        await host.RemoveRowAsync("gone");
        await host.PutRowAsync("raised", 5, new Item(5));
        await host.PutRowAsync("ahead", 7, new Item(7));

        var found = await host.Engine.CompareAsync("item", mend: true);
        await Assert.ThrowsAsync<EntityRejectedException>(() => host.Items.FlushAsync("ahead"));
        await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((4, 3, 2), (found.Compared, found.Differing, found.Mended));
        Assert.Equal(
            [("ahead", StoreDifferenceKind.RowAhead), ("gone", StoreDifferenceKind.RowBehind), ("raised", StoreDifferenceKind.StaleEntry)],
            found.Differences.Select(static difference => (difference.Id, difference.Kind)).OrderBy(static one => one.Id));
        Assert.Equal(new ItemRow("gone", 1, 1, null), await host.RowAsync("gone"));
        Assert.Equal(new Item(5), (await host.Items.GetAsync("raised"))!.State);
    }

    [Fact]
    public async Task A_stop_flushes_what_is_dirty_and_says_so()
    {
        await using var host = await start(new() { Engine = static engine => engine.DrainTimeout = TimeSpan.FromSeconds(60) });
        await host.Items.SetAsync("a", new Item(1));
        Assert.Null(host.Engine.LastStop);

        await host.StopAsync();

        Assert.Equal((1, true), (host.Engine.LastStop!.Flushed, host.Engine.LastStop.IsClean));
        Assert.Equal(new ItemRow("a", 1, 1, null), await host.RowAsync("a"));
    }
}

public sealed class RealFlushBehaviour() : FlushBehaviour(RealHost.StartAsync);

public sealed class InMemoryFlushBehaviour() : FlushBehaviour(MemoryHost.StartAsync);
