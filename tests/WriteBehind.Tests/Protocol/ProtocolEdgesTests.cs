using Xunit.Abstractions;

namespace WriteBehind.Tests.Protocol;

/// <summary>
/// The world at the edges, in which servers and clocks go back and other hands are at work: another program raises the row's version, Redis
/// comes back with an older copy, the database goes back or a copy of it that lags answers, Redis' clock steps back, processes differ in
/// their fence time. What was lost there is lost; but no write that is acknowledged vanishes without a word, and each guard is needed for
/// that.
/// </summary>
public sealed class ProtocolEdgesTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(false, 3)]
    [InlineData(true, 2)]
    public void They_hold_where_another_program_raises_the_row(bool keepsCleanEntries, int writes)
        => Holds(new() { RowMayBeRaised = true, KeepsCleanEntries = keepsCleanEntries, Writes = writes });

    [Fact]
    public void They_hold_where_another_program_raises_the_row_and_saves_commit_late()
        => Holds(new() { RowMayBeRaised = true, CommitsMayBeLate = true, Writes = 2 });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_hold_where_Redis_goes_back(bool keepsCleanEntries)
        => Holds(new() { RedisMayGoBack = true, ProcessesMayRestart = true, KeepsCleanEntries = keepsCleanEntries, Writes = 2 });

    [Fact]
    public void They_hold_where_the_data_of_a_Redis_that_goes_on_are_exchanged_for_older_ones_as_soon_as_that_is_noticed()
        => Holds(new() { RedisMayGoBack = true, Identities = false, Writes = 2 });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_hold_where_the_database_goes_back(bool keepsCleanEntries)
        => Holds(new() { RowMayGoBack = true, KeepsCleanEntries = keepsCleanEntries, Writes = 2 });

    [Fact]
    public void They_hold_where_a_copy_of_the_database_that_lags_answers()
        => Holds(new() { ReadsMayBeStale = true, Writes = 2 });

    [Fact]
    public void They_hold_where_the_clock_of_Redis_steps_back()
        => Holds(new() { ClockMayGoBack = true });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_hold_where_processes_differ_in_their_fence_time(bool longerCameFirst)
        => Holds(new() { FenceTimesDiffer = true, LongerCameFirst = longerCameFirst });

    [Fact]
    public void Where_an_equal_version_is_taken_for_the_same_write_an_acknowledged_one_vanishes()
        => ProtocolPartsTests.Breaks(
            new() { RowMayBeRaised = true, ReplaysAreProven = false },
            Promises.CleanIsSaved,
            "writer 1 puts", "another program raises the row", "flusher 1 saves: nothing to change", "flusher 1 settles");

    [Fact]
    public void Where_a_raised_row_stands_for_an_unsaved_state_of_its_version_that_is_overwritten_unseen()
        => ProtocolPartsTests.Breaks(
            new() { RowMayBeRaised = true, SavedIsNotDirty = false },
            Promises.StaleIsTold,
            "writer 2 reads Redis", "writer 1 puts", "another program raises the row", "writer 2 reads the row", "writer 2 puts");

    [Fact]
    public void Where_knowledge_outlives_a_conflict_of_its_own_version_the_owner_overwrites_the_row_that_counts()
        => ProtocolPartsTests.Breaks(
            new() { RowMayBeRaised = true, ConflictsEndKnowledge = false },
            Promises.StaleIsTold,
            "writer 1 puts", "another program raises the row", "flusher 1 sets the write aside and says so", "writer 1 puts");

    [Fact]
    public void Where_nobody_notices_that_Redis_went_back_it_hides_newer_rows()
        => ProtocolPartsTests.Breaks(
            new() { RedisMayGoBack = true, OwnCalls = false, Identities = false, Writes = 2 },
            Promises.ReadsAreNotBehind,
            "a copy of Redis is taken", "flusher 1 saves", "Redis goes back to its copy", "writer 1 reads Redis");

    [Fact]
    public void And_where_an_equal_version_is_the_same_write_too_what_is_acknowledged_after_it_vanishes()
        => ProtocolPartsTests.Breaks(
            new()
            {
                RedisMayGoBack = true,
                OwnCalls = false,
                Identities = false,
                ReplaysAreProven = false,
                TellingIsEnough = true,
                Writes = 2,
            },
            Promises.CleanIsSaved,
            "a copy of Redis is taken", "writer 1 puts", "flusher 1 settles", "Redis goes back to its copy", "writer 2 puts",
            "flusher 1 saves: nothing to change", "flusher 1 settles");

    [Fact]
    public void The_memory_of_own_calls_is_not_enough_where_processes_restart()
        => ProtocolPartsTests.Breaks(
            new() { RedisMayGoBack = true, ProcessesMayRestart = true, Identities = false },
            Promises.StaleIsTold,
            "writer 1 puts", "writer 2 reads Redis", "Redis goes back to its copy", "writer 1 starts anew", "writer 1 puts",
            "writer 2 puts");

    [Fact]
    public void Where_what_anybody_knew_still_counts_after_Redis_went_back_a_new_write_gets_the_version_of_a_lost_one()
        => ProtocolPartsTests.Breaks(
            new() { RedisMayGoBack = true, Epoch = false, Writes = 2 },
            Promises.NothingForNothing,
            "writer 2 reads the row", "a copy of Redis is taken", "writer 1 puts", "flusher 1 settles", "Redis goes back to its copy",
            "writer 2 puts", "flusher 1 sets the write aside and says so");

    [Theory]
    [InlineData(false, "dirty")]
    [InlineData(true, "clean")]
    public void Where_states_of_before_are_believed_they_hide_newer_rows(bool keepsCleanEntries, string state)
    {
        var trace = ProtocolPartsTests.Breaks(
            new() { RedisMayGoBack = true, OldIsConfirmed = false, KeepsCleanEntries = keepsCleanEntries, Writes = 2 },
            Promises.ReadsAreNotBehind,
            "a copy of Redis is taken", "flusher 1 settles", "Redis goes back to its copy", "writer 1 reads Redis");
        Assert.Contains($"{state} of before", trace[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "writer 1 reads an old row")]
    [InlineData(true, "the database goes back")]
    public void Where_a_row_need_not_be_as_new_as_its_fence_what_was_settled_is_given_as_it_was_before(bool goesBack, string step)
        => ProtocolPartsTests.Breaks(
            new() { RowMayGoBack = goesBack, ReadsMayBeStale = !goesBack, RowsBehindFencesAreRefused = false, Writes = 2 },
            Promises.SettledIsKept,
            goesBack ? ["flusher 1 settles", step, "writer 1 reads the row"] : ["flusher 1 settles", step]);

    [Fact]
    public void Where_the_clock_is_not_watched_knowledge_gets_younger_than_the_fence_that_it_outlived()
        => ProtocolPartsTests.Breaks(
            new() { ClockMayGoBack = true, ClockIsWatched = false },
            Promises.StaleIsTold,
            "writer 2 reads Redis", "flusher 1 settles", "time passes", "Redis' clock steps back", "writer 2 puts");

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(false, true, false)]
    public void Of_two_fence_times_fences_must_last_for_the_longer_and_knowledge_for_the_shorter(
        bool longerCameFirst, bool longer, bool shorter)
        => ProtocolPartsTests.Breaks(
            new()
            {
                FenceTimesDiffer = true,
                LongerCameFirst = longerCameFirst,
                FencesLastTheLonger = longer,
                KnowledgeCountsTheShorter = shorter,
            },
            Promises.StaleIsTold,
            "writer 1 puts", "writer 2 puts", "flusher 2 settles", "time passes", "writer 1 puts");

    private void Holds(ProtocolRules rules)
    {
        var exploration = Explorer.Explore(rules);
        output.WriteLine(exploration.ToString());
        Assert.True(exploration.Broken is null, exploration.ToString());

        // Fewer would mean that the model no longer does what it should.
        Assert.InRange(exploration.States, 100_000, int.MaxValue);
    }
}
