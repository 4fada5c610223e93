using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What stores promise of reads and writes, on real servers and in memory.</summary>
public abstract class WriteBehaviour(Func<BehaviourOptions, Task<BehaviourHost>> start)
{
    [Fact]
    public async Task A_put_is_read_back_at_once_and_is_a_row_after_its_flush()
    {
        await using var host = await start(new());

        Assert.Equal(1, await host.Items.SetAsync("a", new Item(5, "n")));
        Assert.Equal(new Entity<Item>("a", 1, new Item(5, "n")), await host.Items.GetAsync("a"));
        Assert.Equal((1, null), ((await host.StatusAsync()).Dirty, await host.RowAsync("a")));

        await host.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 1, 5, "n"), await host.RowAsync("a"));
        Assert.Equal(0, (await host.StatusAsync()).Dirty);
        Assert.Equal(new Entity<Item>("a", 1, new Item(5, "n")), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Each_change_has_the_next_version_and_what_is_written_twice_is_one_row()
    {
        await using var host = await start(new());

        Assert.Equal(1, await host.Items.SetAsync("a", new Item(1)));
        Assert.Equal(2, (await host.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 }))!.Version);
        await host.Items.DeleteAsync("a");
        Assert.Equal(4, await host.Items.SetAsync("a", new Item(9)));

        Assert.Equal(1, (await host.Engine.FlushAllAsync()).Flushed);
        Assert.Equal(new ItemRow("a", 4, 9, null), await host.RowAsync("a"));
    }

    [Fact]
    public async Task An_expected_version_that_is_not_the_current_one_is_a_conflict_that_names_both()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.SetAsync("a", new Item(2), expectedVersion: 1);

        var put = await Assert.ThrowsAsync<WriteConflictException>(() => host.Items.SetAsync("a", new Item(3), expectedVersion: 1));
        var delete = await Assert.ThrowsAsync<WriteConflictException>(() => host.Items.DeleteAsync("a", expectedVersion: 5));

        Assert.Equal((1, 2, "item", "a"), (put.ExpectedVersion, put.CurrentVersion, put.EntityType, put.EntityId));
        Assert.Equal((5, 2), (delete.ExpectedVersion, delete.CurrentVersion));
        Assert.Equal(new Item(2), (await host.Items.GetAsync("a"))!.State);
    }

    [Fact]
    public async Task An_expected_version_of_0_stands_for_what_was_never_there()
    {
        await using var host = await start(new());

        Assert.Equal(1, await host.Items.SetAsync("a", new Item(1), expectedVersion: 0));
        await Assert.ThrowsAsync<WriteConflictException>(() => host.Items.SetAsync("a", new Item(2), expectedVersion: 0));
        await host.Items.DeleteAsync("a");
        await host.Items.FlushAsync("a");

        // It was deleted a short while ago.
        var error = await Assert.ThrowsAsync<WriteConflictException>(() => host.Items.SetAsync("a", new Item(2), expectedVersion: 0));
        Assert.Equal(2, error.CurrentVersion);
    }

    [Fact]
    public async Task A_row_from_before_is_found_and_changed_on_top_of_its_version()
    {
        await using var host = await start(new());
        await host.PutRowAsync("a", 7, new Item(3));
        await host.PutRowAsync("old", 0, new Item(4));

        Assert.Equal(new Entity<Item>("a", 7, new Item(3)), await host.Items.GetAsync("a"));
        Assert.Equal(8, await host.Items.SetAsync("a", new Item(5)));
        await Assert.ThrowsAsync<WriteConflictException>(() => host.Items.SetAsync("old", new Item(1), expectedVersion: 0));
        Assert.Equal(1, (await host.Items.UpdateAsync("old", static item => item! with { Quantity = 6 }))!.Version);

        await host.Engine.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 8, 5, null), await host.RowAsync("a"));
        Assert.Equal(new ItemRow("old", 1, 6, null), await host.RowAsync("old"));
    }

    [Fact]
    public async Task A_function_that_returns_null_deletes_and_the_row_goes_with_the_flush()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.FlushAsync("a");

        Assert.Null(await host.Items.UpdateAsync("a", static _ => null));
        Assert.Null(await host.Items.GetAsync("a"));
        Assert.NotNull(await host.RowAsync("a"));

        await host.Items.FlushAsync("a");
        Assert.Null(await host.RowAsync("a"));
        Assert.Equal(3, await host.Items.SetAsync("a", new Item(2)));
    }

    [Fact]
    public async Task A_delete_of_nothing_writes_nothing()
    {
        await using var host = await start(new());

        await host.Items.DeleteAsync("a");
        Assert.Null(await host.Items.UpdateAsync("a", static item => item));

        Assert.Equal(0, (await host.StatusAsync()).Dirty);
        Assert.Equal(1, await host.Items.SetAsync("a", new Item(1)));
    }

    [Fact]
    public async Task A_function_that_throws_writes_nothing_and_its_error_reaches_its_caller()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));

        var error = await Assert.ThrowsAsync<InvalidOperationException>(
            () => host.Items.UpdateAsync("a", static _ => throw new InvalidOperationException("none left")));

        Assert.Equal("none left", error.Message);
        Assert.Equal(new Entity<Item>("a", 1, new Item(1)), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Changes_of_many_callers_all_count()
    {
        const int callers = 64;
        await using var host = await start(new());

        var changed = await Task.WhenAll(Enumerable.Range(0, callers).Select(
            _ => host.Items.UpdateAsync("a", static item => new Item((item?.Quantity ?? 0) + 1))));

        Assert.Equal(Enumerable.Range(1, callers).Select(static i => (long)i), changed.Select(static entity => entity!.Version).Order());
        Assert.Equal(new Entity<Item>("a", callers, new Item(callers)), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Many_are_read_at_once_wherever_they_are_and_absent_ones_are_left_out()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("dirty", new Item(1));
        await host.PutRowAsync("row", 3, new Item(2));
        await host.Items.SetAsync("deleted", new Item(3));
        await host.Items.DeleteAsync("deleted");

        var found = await host.Items.GetManyAsync(["dirty", "row", "deleted", "absent", "row"]);

        Assert.Equal(["dirty", "row"], found.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(new Entity<Item>("row", 3, new Item(2)), found["row"]);
    }

    [Fact]
    public async Task Beyond_the_bound_further_entities_are_refused_and_dirty_ones_are_not()
    {
        await using var host = await start(new() { Item = static item => item.MaxDirty = 2 });
        await host.Items.SetAsync("a", new Item(1));
        await host.Items.SetAsync("b", new Item(1));

        var error = await Assert.ThrowsAsync<BufferFullException>(() => host.Items.SetAsync("c", new Item(1)));
        Assert.Equal((2, "c"), (error.MaxDirty, error.EntityId));
        await host.Items.SetAsync("a", new Item(2));
        await host.Items.DeleteAsync("b");

        await host.Items.FlushAsync("a");
        Assert.Equal(1, await host.Items.SetAsync("c", new Item(1)));
    }

    [Fact]
    public async Task Dead_letters_count_towards_the_bound()
    {
        await using var host = await start(new()
        {
            Item = static item => (item.MaxDirty, item.MaxAttempts) = (1, 1),
        });
        await host.Items.SetAsync("bad", new Item(-1));
        await host.BuryAsync("bad");

        await Assert.ThrowsAsync<BufferFullException>(() => host.Items.SetAsync("a", new Item(1)));

        Assert.Equal(2, await host.Items.SetAsync("bad", new Item(1)));
    }

    [Fact]
    public async Task A_state_that_is_too_long_or_would_not_come_back_is_refused()
    {
        await using var host = await start(new() { Item = static item => item.MaxPayloadBytes = 64 });

        var large = await Assert.ThrowsAsync<PayloadException>(() => host.Items.SetAsync("a", new Item(1, new string('x', 100))));
        var lone = await Assert.ThrowsAsync<PayloadException>(() => host.Items.SetAsync("a", new Item(1, "\ud800")));
        var nul = await Assert.ThrowsAsync<PayloadException>(() => host.Items.SetAsync("a", new Item(1, "a\0b")));

        Assert.Equal(PayloadProblem.TooLarge, large.Problem);
        Assert.Equal((PayloadProblem.NotSerializable, PayloadProblem.NotSerializable), (lone.Problem, nul.Problem));
        Assert.Null(await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task What_can_name_no_entity_type_or_entity_is_refused()
    {
        await using var host = await start(new());

        await Assert.ThrowsAsync<InvalidEntityIdException>(() => host.Items.SetAsync("", new Item(1)));
        await Assert.ThrowsAsync<InvalidEntityIdException>(() => host.Items.GetAsync(new string('x', 513)));
        await Assert.ThrowsAsync<InvalidEntityIdException>(() => host.Items.UpdateAsync("a\0", static item => item));
        Assert.Throws<InvalidEntityIdException>(() => host.Items.OpenSession(""));
        await Assert.ThrowsAsync<UnknownEntityTypeException>(() => host.Engine.FlushAsync("other", "a"));
        Assert.Throws<UnknownEntityTypeException>(() => host.Engine.Store<Reading>());
        Assert.Equal("item", Assert.Single(host.Engine.Types));
    }

    [Fact]
    public async Task Where_Redis_is_away_nothing_is_written_and_nothing_is_lost()
    {
        await using var host = await start(new() { HarmsRedis = true });
        await host.Items.SetAsync("a", new Item(1));
        await host.TakeRedisAwayAsync();

        var write = await Assert.ThrowsAsync<BufferUnavailableException>(() => host.Items.SetAsync("b", new Item(1)));
        var read = await Assert.ThrowsAsync<BufferUnavailableException>(() => host.Items.GetAsync("a"));
        var report = await host.Engine.FlushAllAsync(TimeSpan.FromSeconds(1));
        await host.BringRedisBackAsync();

        Assert.Equal((false, false), (write.OutcomeUnknown, read.OutcomeUnknown));
        Assert.False(report.IsClean);
        Assert.Equal(["item"], report.Uncounted);
        Assert.Null(await host.Items.GetAsync("b"));
        Assert.Equal(new Entity<Item>("a", 1, new Item(1)), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_write_whose_answer_is_lost_says_that_its_outcome_is_unknown()
    {
        await using var host = await start(new() { HarmsRedis = true });
        await host.Items.SetAsync("a", new Item(1));

        var error = await host.WriteWithLostAnswerAsync("a", () => host.Items.SetAsync("a", new Item(2)));

        Assert.Equal((true, "a"), (error.OutcomeUnknown, error.EntityId));
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await host.Items.GetAsync("a"));
        Assert.Equal(3, await host.Items.SetAsync("a", new Item(3)));
    }

    [Fact]
    public async Task Where_the_database_is_away_what_is_dirty_can_be_changed_and_what_is_not_there_can_not()
    {
        await using var host = await start(new());
        await host.Items.SetAsync("a", new Item(1));
        host.SetDatabaseAway(true);

        Assert.Equal(2, (await host.Items.UpdateAsync("a", static item => item! with { Quantity = 2 }))!.Version);
        var error = await Assert.ThrowsAsync<SinkException>(() => host.Items.GetAsync("b"));
        await Assert.ThrowsAsync<SinkException>(() => host.Items.SetAsync("b", new Item(1)));

        Assert.Equal(SinkFailure.Transient, error.Failure);
        host.SetDatabaseAway(false);
        await host.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 2, 2, null), await host.RowAsync("a"));
    }

    [Fact]
    public async Task Another_process_of_the_service_sees_what_is_acknowledged_and_flushes_it()
    {
        await using var host = await start(new());
        await using var other = await host.StartOtherAsync();
        await host.Items.SetAsync("a", new Item(1));

        Assert.Equal(new Entity<Item>("a", 1, new Item(1)), await other.Items.GetAsync("a"));
        Assert.Equal(2, await other.Items.SetAsync("a", new Item(2), expectedVersion: 1));
        await Assert.ThrowsAsync<WriteConflictException>(() => host.Items.SetAsync("a", new Item(3), expectedVersion: 1));

        await other.Engine.FlushAllAsync();
        Assert.Equal(new ItemRow("a", 2, 2, null), await host.RowAsync("a"));
    }
}

public sealed class RealWriteBehaviour() : WriteBehaviour(RealHost.StartAsync);

public sealed class InMemoryWriteBehaviour() : WriteBehaviour(MemoryHost.StartAsync);
