using Xunit.Abstractions;

namespace WriteBehind.Tests.Protocol;

/// <summary>
/// The protocol of the engine as a small model, in which everything that can happen to one entity happens in every possible order:
/// two writers, two flushers, crashes between any two steps, leases and fences that end, deletes. What can go wrong beyond that is let in
/// by the tests that are about it. After every step the promises are checked (<see cref="Promises"/>).
/// </summary>
/// <remarks>
/// <para>How it maps to the engine: <see cref="Redis"/> has the write script, the settle transaction and the fill script, each one step
/// as Redis runs them; <see cref="Database"/> the version-guarded save; <see cref="WriterMoves"/> loading, writing and repeating a
/// write of unknown outcome; <see cref="FlusherMoves"/> claim, save, settle; <see cref="OtherMoves"/> time and mishaps.</para>
/// <para>The only bound is the number of writes. Time has none: all that matters of it is what is left of a lease or a fence and
/// whether knowledge is old, and the model keeps just that. A failure shows the shortest trace.</para>
/// <para>Left out: batches (entities do not touch each other), dead letters (an operator decides), and the clocks' different speeds. What
/// servers and clocks that go back and other programs do is in <see cref="ProtocolEdgesTests"/>.</para>
/// </remarks>
public sealed class ProtocolTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void As_designed_all_promises_hold(bool startsEmpty)
        => Holds(new() { Writes = 4, StartsEmpty = startsEmpty });

    [Fact]
    public void They_hold_where_flushed_states_stay_as_clean_entries_and_loads_fill_them_in()
        => Holds(new() { KeepsCleanEntries = true });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_hold_where_saves_commit_late(bool startsEmpty)
        => Holds(new() { CommitsMayBeLate = true, StartsEmpty = startsEmpty });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_hold_where_the_flush_is_paused_and_rows_stand_still_meanwhile(bool keepsCleanEntries)
        => Holds(new() { FlushMayBePaused = true, KeepsCleanEntries = keepsCleanEntries, Writes = 2 });

    [Fact]
    public void They_hold_where_answers_are_lost_and_requests_arrive_late()
        => Holds(new() { AnswersMayBeLost = true, BlindWrites = true, Writes = 2 });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_hold_where_changes_share_a_write(bool answersMayBeLost)
        => Holds(new() { SharedWrites = true, AnswersMayBeLost = answersMayBeLost, Writes = answersMayBeLost ? 2 : 3 });

    [Fact]
    public void They_hold_where_Redis_comes_back_empty()
        => Holds(new() { RedisMayBeWiped = true });

    [Fact]
    public void They_hold_where_Redis_comes_back_empty_and_saves_commit_late_and_clean_entries_are_kept()
        => Holds(new() { RedisMayBeWiped = true, CommitsMayBeLate = true, KeepsCleanEntries = true });

    [Theory]
    [InlineData(false, false, 3)]
    [InlineData(true, false, 2)]
    [InlineData(false, true, 3)]
    public void They_hold_where_callers_repeat_at_any_point_in_any_process(bool answersMayBeLost, bool redisMayBeWiped, int writes)
        => Holds(new()
        {
            CallersRepeat = true,
            AnswersMayBeLost = answersMayBeLost,
            RedisMayBeWiped = redisMayBeWiped,
            Writes = writes,
        });

    [Fact]
    public void They_hold_where_callers_repeat_and_the_oldest_memos_go()
        => Holds(new() { CallersRepeat = true, MemosAreBounded = true, Writes = 2 });

    [Fact]
    public void They_hold_where_callers_repeat_and_Redis_goes_back()
        => Holds(new() { CallersRepeat = true, RedisMayGoBack = true, Writes = 2 });

    private void Holds(ProtocolRules rules)
    {
        var exploration = Explorer.Explore(rules);
        output.WriteLine(exploration.ToString());
        Assert.True(exploration.Broken is null, exploration.ToString());

        // Fewer would mean that the model no longer does what it should.
        Assert.InRange(exploration.States, 200_000, int.MaxValue);
    }
}
