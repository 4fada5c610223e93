namespace WriteBehind.Tests.Protocol;

/// <summary>Every part of the protocol is needed: switched off, the model finds a trace that breaks a promise.</summary>
public sealed class ProtocolPartsTests
{
    [Fact]
    public void Without_the_deadline_at_the_database_a_sleeping_flusher_brings_a_deleted_row_back()
        => Breaks(
            new() { Deadline = false },
            Promises.CleanIsSaved,
            "writer 1 puts", "flusher 1 claims", "writer 1 deletes", "time passes", "flusher 2 claims",
            "flusher 2 saves", "flusher 1 saves",
            "flusher 2 settles");

    [Fact]
    public void Without_claims_the_same_happens_without_any_sleeping()
    {
        var trace = Breaks(
            new() { Claims = false },
            Promises.CleanIsSaved,
            "writer 1 puts", "flusher 1 claims", "writer 1 deletes", "flusher 2 claims", "flusher 2 saves",
            "flusher 1 saves", "flusher 2 settles");
        Assert.DoesNotContain(trace, static line => line.StartsWith("time passes", StringComparison.Ordinal));
    }

    // What an operator relies on who changes the table meanwhile.
    [Fact]
    public void Where_flushers_go_by_what_they_heard_of_a_pause_one_that_hears_late_saves_in_the_middle_of_it()
        => Breaks(
            new() { FlushMayBePaused = true, PauseIsSeenInClaim = false, Writes = 1 },
            Promises.PausedStandsStill,
            "writer 1 puts", "the operator pauses the flush", "the operator sees no flush under way", "flusher 1 claims",
            "flusher 1 saves");

    [Fact]
    public void Without_the_deadline_at_the_database_a_flusher_of_before_a_pause_saves_in_the_middle_of_it()
        => Breaks(
            new() { FlushMayBePaused = true, Deadline = false, Writes = 1 },
            Promises.PausedStandsStill,
            "writer 1 puts", "flusher 1 claims", "time passes", "the operator sees no flush under way", "flusher 1 saves");

    [Fact]
    public void Where_a_late_settle_takes_back_the_claim_of_another_a_deleted_row_comes_back()
        => Breaks(
            new() { OwnClaimsOnly = false },
            Promises.CleanIsSaved,
            "flusher 1 saves", "time passes", "flusher 2 claims", "writer 1 deletes", "flusher 1 does not settle", "flusher 1 claims",
            "flusher 1 saves", "flusher 2 saves");

    [Fact]
    public void Without_the_fence_a_writer_that_is_behind_is_not_told()
        => Breaks(
            new() { Fence = false },
            Promises.StaleIsTold,
            "writer 2 reads Redis", "writer 1 puts", "flusher 1 settles", "writer 2 puts");

    [Fact]
    public void Without_confirming_old_knowledge_the_same_happens_after_the_end_of_the_fence()
        => Breaks(
            new() { Confirming = false },
            Promises.StaleIsTold,
            "writer 2 reads Redis", "writer 1 puts", "flusher 1 settles", "time passes", "writer 2 puts");

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Without_the_epoch_wherever_a_version_is_compared_the_same_happens_after_Redis_came_back_empty(bool epoch, bool always)
        => Breaks(
            new() { RedisMayBeWiped = true, Epoch = epoch, KnowledgeIsAlwaysChecked = always },
            Promises.StaleIsTold,
            "writer 1 puts", "Redis comes back empty", "writer 2 reads Redis", "writer 2 puts", "writer 1 puts");

    [Fact]
    public void Where_deletes_do_not_wait_for_uncommitted_puts_a_late_commit_brings_the_row_back()
        => Breaks(
            new() { CommitsMayBeLate = true, StartsEmpty = true, DeletesWaitForPuts = false },
            Promises.CleanIsSaved,
            "writer 1 puts", "flusher 1 claims", "writer 1 deletes", "flusher 1 saves, not committed yet",
            "flusher 2 saves: nothing to change",
            "flusher 1's save commits", "flusher 2 settles");

    [Fact]
    public void Without_the_nonce_a_write_whose_answer_was_lost_is_applied_twice()
        => Breaks(
            new() { AnswersMayBeLost = true, Nonce = false },
            Promises.OnlyOnce,
            "writer 1 puts, and the answer is lost", "writer 1 sends it again, is refused and reloads", "writer 1 sends it again");

    [Fact]
    public void Without_memos_a_call_that_is_repeated_counts_twice()
        => Breaks(
            new() { CallersRepeat = true, Memos = false },
            Promises.OnlyOnce,
            "writer 1 puts", "writer 1 is sent call 1 again and takes it for new");

    [Fact]
    public void Where_memos_go_with_what_they_were_written_with_it_does_after_a_flush()
        => Breaks(
            new() { CallersRepeat = true, MemosOutliveFlush = false },
            Promises.OnlyOnce,
            "writer 1 puts", "flusher 1 settles", "writer 1 is sent call 1 again and takes it for new");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_Redis_lost_memos_and_nobody_goes_by_that_it_does_too(bool emptied)
        => Breaks(
            new() { CallersRepeat = true, RedisMayBeWiped = emptied, RedisMayGoBack = !emptied, LossOfMemosIsKnown = false, Writes = 2 },
            Promises.OnlyOnce,
            "writer 1 puts", emptied ? "Redis comes back empty" : "Redis goes back to its copy",
            "writer 1 is sent call 1 again and takes it for new");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_memos_went_at_a_bound_or_are_in_the_older_hash_and_nobody_goes_by_that_it_does_too(bool withoutFloor)
        => Breaks(
            new() { CallersRepeat = true, MemosAreBounded = true, FloorOfMemos = !withoutFloor, OlderMemosCount = withoutFloor },
            Promises.OnlyOnce,
            "writer 1 puts", "the oldest memos go", "writer 1 is sent call 1 again and takes it for new");

    [Fact]
    public void A_blind_write_that_is_sent_again_is_applied_twice_where_somebody_wrote_in_between()
        => Breaks(
            new() { AnswersMayBeLost = true, BlindWrites = true, BlindWritesAreSentOnce = false },
            Promises.OnlyOnce,
            "writer 1 puts on top of whatever is there, and the answer is lost", "writer 2 puts", "writer 1 sends it again");

    [Fact]
    public void Where_the_changes_of_a_write_share_its_version_the_first_of_their_callers_overwrites_the_others()
        => Breaks(
            new() { SharedWrites = true, VersionPerChange = false },
            Promises.StaleIsTold,
            "writer 1 puts, and a change behind it shares the write", "writer 1 compares its version with Redis", "writer 1 puts");

    /// <summary>Asserts that a promise is broken by a trace with these steps in this order, and that the last of them is its end.</summary>
    internal static IReadOnlyList<string> Breaks(ProtocolRules rules, string promise, params string[] steps)
    {
        var exploration = Explorer.Explore(rules);
        Assert.True(exploration.Broken == promise, exploration.ToString());
        var found = 0;
        foreach (var line in exploration.Trace)
        {
            if (found < steps.Length && line.StartsWith(steps[found], StringComparison.Ordinal))
            {
                found++;
            }
        }

        Assert.True(found == steps.Length, $"'{steps[Math.Min(found, steps.Length - 1)]}' is not where it should be. {exploration}");
        Assert.StartsWith(steps[^1], exploration.Trace[^1], StringComparison.Ordinal);
        return exploration.Trace;
    }
}
