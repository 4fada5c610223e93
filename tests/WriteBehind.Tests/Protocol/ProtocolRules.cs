namespace WriteBehind.Tests.Protocol;

/// <summary>
/// Which parts of the protocol are in force, what may go wrong, and how far the exploration goes. The parts are on and the troubles
/// off: a test that shows what a part is for switches it off, a test about a trouble lets it happen.
/// </summary>
internal sealed record ProtocolRules
{
    /// <summary>How many ticks of the clock a flusher's lease lasts.</summary>
    public const byte Lease = 2;

    /// <summary>How many ticks the fence of a put lasts, and for how many a writer's knowledge counts.</summary>
    public const byte FenceTime = 2;

    /// <summary>How many ticks it is where a process is set to less.</summary>
    public const byte ShorterFenceTime = 1;

    /// <summary>How many ticks the fence of a tombstone lasts, where it ends at all.</summary>
    public const byte TombstoneFenceTime = 3;

    /// <summary>How many ticks a pause of the flush lasts: longer than a lease, which a flusher may sleep through.</summary>
    public const byte PauseTime = 4;

    /// <summary>Bound: how many writes are made in all. Time has no bound.</summary>
    public int Writes { get; init; } = 3;

    /// <summary>Whether the database has no row at the start; otherwise there is one of version 1.</summary>
    public bool StartsEmpty { get; init; }

    /// <summary>Whether a flushed state stays in Redis as a clean entry, and loads fill in such entries.</summary>
    public bool KeepsCleanEntries { get; init; }

    /// <summary>Whether there are also writes on top of whatever is there.</summary>
    public bool BlindWrites { get; init; }

    /// <summary>
    /// Whether two changes may share a write. The writer is then the one whose change came first: it has not seen the other.
    /// </summary>
    public bool SharedWrites { get; init; }

    // The parts.

    /// <summary>The save statement does nothing once the lease is over by the database's clock.</summary>
    public bool Deadline { get; init; } = true;

    /// <summary>A flusher holds the entity while it saves.</summary>
    public bool Claims { get; init; } = true;

    /// <summary>Whether the flush is paused is looked at in the step that claims; otherwise flushers go by what they have heard.</summary>
    public bool PauseIsSeenInClaim { get; init; } = true;

    /// <summary>A settle takes back a claim only if it is the settler's own.</summary>
    public bool OwnClaimsOnly { get; init; } = true;

    /// <summary>The flushed version is remembered in Redis and checked against.</summary>
    public bool Fence { get; init; } = true;

    /// <summary>A writer's knowledge counts only for the fence's time.</summary>
    public bool Confirming { get; init; } = true;

    /// <summary>Knowledge from before Redis came back empty does not count.</summary>
    public bool Epoch { get; init; } = true;

    /// <summary>
    /// Both of these also where Redis has a version to compare with: after a Redis that came back empty, or a delete long ago, an
    /// equal version may be another one.
    /// </summary>
    public bool KnowledgeIsAlwaysChecked { get; init; } = true;

    /// <summary>At the database a delete waits for puts that are not committed, and a put for deletes.</summary>
    public bool DeletesWaitForPuts { get; init; } = true;

    /// <summary>A write that is sent again is known by its nonce.</summary>
    public bool Nonce { get; init; } = true;

    /// <summary>A write on top of whatever is there is sent once only; if its answer is lost it is looked for, not repeated.</summary>
    public bool BlindWritesAreSentOnce { get; init; } = true;

    /// <summary>Each change has a version of its own, though a write stores only the last one's.</summary>
    public bool VersionPerChange { get; init; } = true;

    /// <summary>A row of the version to be saved is this write's own only if it has its content.</summary>
    public bool ReplaysAreProven { get; init; } = true;

    /// <summary>
    /// Whoever knows a version that was in the database is refused where Redis has an unsaved one by now, also of that number.
    /// </summary>
    public bool SavedIsNotDirty { get; init; } = true;

    /// <summary>Where a write was set aside, nobody goes on from what was known before, though the row may have its version.</summary>
    public bool ConflictsEndKnowledge { get; init; } = true;

    /// <summary>A process that remembers a call of its own which Redis does not know notices that Redis went back.</summary>
    public bool OwnCalls { get; init; } = true;

    /// <summary>
    /// Whoever connects compares which Redis it is with the one that was there before. (It goes back without that only where its data were
    /// exchanged under a server that goes on.)
    /// </summary>
    public bool Identities { get; init; } = true;

    /// <summary>What Redis holds of before it went back goes only with a look at the row.</summary>
    public bool OldIsConfirmed { get; init; } = true;

    /// <summary>A row that is older than the fence, or is missing under the fence of a put, is not given.</summary>
    public bool RowsBehindFencesAreRefused { get; init; } = true;

    /// <summary>A clock that stepped back is noticed, and knowledge from before does not count.</summary>
    public bool ClockIsWatched { get; init; } = true;

    /// <summary>Fences last for the longest of all processes' times that are known.</summary>
    public bool FencesLastTheLonger { get; init; } = true;

    /// <summary>Knowledge counts for the shortest of all processes' times that are known.</summary>
    public bool KnowledgeCountsTheShorter { get; init; } = true;

    /// <summary>A write that is an operation leaves a memo in the same step, by which it is known whoever sends it again.</summary>
    public bool Memos { get; init; } = true;

    /// <summary>Memos outlive what they were written with.</summary>
    public bool MemosOutliveFlush { get; init; } = true;

    /// <summary>Where memos were lost, what may have been among them is refused, not taken for new.</summary>
    public bool LossOfMemosIsKnown { get; init; } = true;

    /// <summary>What is as old as memos that went at a bound is refused, not taken for new.</summary>
    public bool FloorOfMemos { get; init; } = true;

    /// <summary>An operation of the older hash's time is looked for there, too.</summary>
    public bool OlderMemosCount { get; init; } = true;

    // The troubles.

    /// <summary>An operator pauses the flush at any time, and looks whether any is under way still.</summary>
    public bool FlushMayBePaused { get; init; }

    /// <summary>Callers repeat their puts at any time, wherever they are, whether they were answered or not.</summary>
    public bool CallersRepeat { get; init; }

    /// <summary>Redis can't keep all memos: at any time the oldest may have to go.</summary>
    public bool MemosAreBounded { get; init; }

    /// <summary>A save commits some time after its statement ran, also when its flusher is dead by then.</summary>
    public bool CommitsMayBeLate { get; init; }

    /// <summary>The answer to a write is lost, and its request may arrive late or never; the writer tries again.</summary>
    public bool AnswersMayBeLost { get; init; }

    /// <summary>Redis comes back empty, once, while no flush is under way.</summary>
    public bool RedisMayBeWiped { get; init; }

    /// <summary>The same also while a flush is under way.</summary>
    public bool WipeMayMeetFlush { get; init; }

    /// <summary>
    /// Somebody sleeps for longer than a tombstone's fence lasts (a day by default), and versions begin anew meanwhile.
    /// </summary>
    public bool TombstoneFencesEnd { get; init; }

    /// <summary>Another program raises the row's version, once.</summary>
    public bool RowMayBeRaised { get; init; }

    /// <summary>Redis goes back to an older copy of itself, once, while no flush is under way.</summary>
    public bool RedisMayGoBack { get; init; }

    /// <summary>And before they notice it processes restart, which takes their memory.</summary>
    public bool ProcessesMayRestart { get; init; }

    /// <summary>The same also while a flush is under way.</summary>
    public bool GoingBackMayMeetFlush { get; init; }

    /// <summary>The row goes back to what it was, once, while no flush is under way.</summary>
    public bool RowMayGoBack { get; init; }

    /// <summary>Reads are answered with an older row at times, while the fence of what it lacks is there.</summary>
    public bool ReadsMayBeStale { get; init; }

    /// <summary>Redis' clock steps back, once.</summary>
    public bool ClockMayGoBack { get; init; }

    /// <summary>Process 1 is set to a longer fence time than process 2.</summary>
    public bool FenceTimesDiffer { get; init; }

    /// <summary>And it was there first: the other knows of it, but not the other way round.</summary>
    public bool LongerCameFirst { get; init; }

    /// <summary>Whether it is enough that a conflict of the engine's own making is told.</summary>
    public bool TellingIsEnough { get; init; }

    // What it takes against those of them that are not part of what is promised.

    /// <summary>
    /// Knowledge gained in the first lease after Redis came back empty does not count: saves of forgotten claims may still arrive.
    /// </summary>
    public bool Quarantine { get; init; }

    /// <summary>A settle checks that the entity still holds the very write that was saved, not only one of its version.</summary>
    public bool SettleChecksWrite { get; init; } = true;

    /// <summary>A fence that somebody was told of lasts as long as that knowledge counts.</summary>
    public bool FencesOutliveKnowledge { get; init; }

    /// <summary>Whether a row can be older than what was settled. (Where not, the model need not keep what is only about that.)</summary>
    public bool RowMayFallBehind => RowMayGoBack || ReadsMayBeStale;

    /// <summary>For how long a fence that this process (from 0) sets lasts.</summary>
    public byte FenceTimeOf(int process)
        => FenceTimesDiffer && process == 1 && !(LongerCameFirst && FencesLastTheLonger) ? ShorterFenceTime : FenceTime;

    /// <summary>For how long what this process (from 0) knows counts.</summary>
    public byte KnowledgeTimeOf(int process)
        => FenceTimesDiffer && (process == 1 || (!LongerCameFirst && KnowledgeCountsTheShorter)) ? ShorterFenceTime : FenceTime;
}
