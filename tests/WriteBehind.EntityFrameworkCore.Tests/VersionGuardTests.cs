using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>A stored version never falls, on either path and in the generic table.</summary>
public abstract class VersionGuardTests<TState>(Database database)
    where TState : class
{
    private static int _ids;

    private protected Database Database { get; } = database;

    private IEntitySink<TState> Sink => Database.Sink<TState>();

    // Case 5 of the acceptance list: hazelcast 20820, redisson 5250.
    [Fact]
    public async Task Versions_saved_in_reverse_order_leave_the_newer_one()
    {
        var id = FreshId();
        Assert.Equal(SaveOutcome.Applied, (await Sink.PutAsync(id, 2, State("two"))).Outcome);
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 2), await Sink.PutAsync(id, 1, State("one")));
        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 2), await Sink.PutAsync(id, 2, State("two")));
        await AssertStoredAsync(id, 2, "two");
    }

    [Fact]
    public async Task An_equal_version_with_another_content_is_another_write()
    {
        var id = FreshId();
        await Sink.PutAsync(id, 2, State("two"));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 2), await Sink.PutAsync(id, 2, State("another two")));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 2), await Sink.DeleteAsync(id, 2));
        await AssertStoredAsync(id, 2, "two");
        Assert.Equal(new SaveResult(SaveOutcome.Applied, 3), await Sink.PutAsync(id, 3, State("three")));
    }

    [Fact]
    public async Task A_newer_version_takes_the_place_of_an_older_one()
    {
        var id = FreshId();
        await Sink.PutAsync(id, 1, State("one"));
        Assert.Equal(new SaveResult(SaveOutcome.Applied, 7), await Sink.PutAsync(id, 7, State("seven")));
        await AssertStoredAsync(id, 7, "seven");
    }

    [Fact]
    public async Task A_delete_takes_an_older_row_only()
    {
        var (older, same, newer, absent) = (FreshId(), FreshId(), FreshId(), FreshId());
        await Sink.PutAsync(older, 2, State("x"));
        await Sink.PutAsync(same, 3, State("x"));
        await Sink.PutAsync(newer, 4, State("x"));

        Assert.Equal(new SaveResult(SaveOutcome.Applied, 3), await Sink.DeleteAsync(older, 3));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 3), await Sink.DeleteAsync(same, 3));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 4), await Sink.DeleteAsync(newer, 3));
        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 3), await Sink.DeleteAsync(absent, 3));
        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 3), await Sink.DeleteAsync(older, 3));

        Assert.Null(await Sink.FindAsync(older));
        await AssertStoredAsync(newer, 4, "x");
    }

    [Fact]
    public async Task A_mixed_batch_answers_in_the_order_of_its_items()
    {
        var ids = Enumerable.Range(0, 9).Select(_ => FreshId()).Order(StringComparer.Ordinal).ToArray();
        foreach (var i in (int[])[1, 2, 3, 5, 6, 7])
        {
            await Sink.PutAsync(ids[i], 5, State("before"));
        }

        var results = await Sink.SaveAsync(
            new SaveItem<TState>(ids[0], 5, State("new")),
            new SaveItem<TState>(ids[1], 6, State("newer")),
            new SaveItem<TState>(ids[2], 5, State("before")),
            new SaveItem<TState>(ids[3], 4, State("older")),
            new SaveItem<TState>(ids[4], 5, null),
            new SaveItem<TState>(ids[5], 6, null),
            new SaveItem<TState>(ids[6], 5, null),
            new SaveItem<TState>(ids[7], 4, null),
            new SaveItem<TState>(ids[8], 1, State("last")));

        Assert.Equal(
            [
                SaveOutcome.Applied, SaveOutcome.Applied, SaveOutcome.AlreadyThere, SaveOutcome.Fenced,
                SaveOutcome.AlreadyThere, SaveOutcome.Applied,
                SaveOutcome.Fenced, SaveOutcome.Fenced, SaveOutcome.Applied,
            ],
            results.Select(result => result.Outcome));
        Assert.Equal(
            [ids[0], ids[1], ids[2], ids[3], ids[6], ids[7], ids[8]],
            (await Sink.LoadAsync(ids, CancellationToken.None)).Select(row => row.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Past_its_deadline_a_flush_changes_nothing_and_says_so()
    {
        var (dirty, absent, same, newer, gone, deleted) = (FreshId(), FreshId(), FreshId(), FreshId(), FreshId(), FreshId());
        await Sink.SaveAsync(
            new SaveItem<TState>(dirty, 1, State("before")),
            new SaveItem<TState>(same, 2, State("before")),
            new SaveItem<TState>(newer, 3, State("before")),
            new SaveItem<TState>(deleted, 1, State("before")));

        var results = await Sink.SaveAsync(
            [
                new SaveItem<TState>(dirty, 2, State("late")),
                new SaveItem<TState>(absent, 2, State("late")),
                new SaveItem<TState>(same, 2, State("before")),
                new SaveItem<TState>(newer, 2, State("late")),
                new SaveItem<TState>(gone, 2, null),
                new SaveItem<TState>(deleted, 2, null),
            ],
            await Sink.DeadlineAsync(TimeSpan.FromMilliseconds(-1)),
            TimeSpan.FromSeconds(10),
            CancellationToken.None);

        Assert.Equal(
            [
                SaveOutcome.Expired, SaveOutcome.Expired, SaveOutcome.AlreadyThere, SaveOutcome.Fenced, SaveOutcome.Expired,
                SaveOutcome.Expired,
            ],
            results.Select(result => result.Outcome));
        await AssertStoredAsync(dirty, 1, "before");
        await AssertStoredAsync(deleted, 1, "before");
        Assert.Null(await Sink.FindAsync(absent));
    }

    [Fact]
    public async Task Versions_are_loaded_of_the_rows_there_are()
    {
        var (one, two, absent) = (FreshId(), FreshId(), FreshId());
        await Sink.PutAsync(one, 3, State("x"));
        await Sink.PutAsync(two, 5, State("y"));

        var versions = await Sink.LoadVersionsAsync([two, absent, "no key \0", one], CancellationToken.None);

        Assert.Equal([new StoredVersion(two, 5), new StoredVersion(one, 3)], versions.OrderByDescending(static row => row.Version));
        Assert.Empty(await Sink.LoadVersionsAsync([], CancellationToken.None));
    }

    private protected static int FreshNumber() => Interlocked.Increment(ref _ids);

    private protected abstract string FreshId();

    private protected abstract TState State(string text);

    private protected abstract string Text(TState state);

    private async Task AssertStoredAsync(string id, long version, string text)
    {
        var row = Assert.NotNull(await Sink.FindAsync(id));
        Assert.Equal((version, text), (row.Version, Text(row.State)));
    }
}
