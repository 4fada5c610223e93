using System.Runtime.InteropServices;

namespace WriteBehind.Tests.Protocol;

/// <summary>
/// One state of the model: everything that Redis, the database, two writers, two flushers and the network hold about one entity.
/// It is nothing but bytes, so that millions of states are quickly hashed, compared and kept. Times are relative (what is left of a
/// lease, ages that stop growing once they no longer matter), so that the clock needs no bound.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Words * sizeof(ulong))]
internal struct World
{
    public const int Words = 11;

    /// <summary>The value of an entity that is not there: no row, or a tombstone.</summary>
    public const byte Absent = 0;

    /// <summary>The value of the row that is there at the start. Write n puts the value n.</summary>
    public const byte FirstRow = 100;

    /// <summary>What another program makes of the row.</summary>
    public const byte Foreign = 150;

    /// <summary>What a writer made of the entity where another change shares its write: no state that is ever stored.</summary>
    public const byte Overtaken = 200;

    /// <summary>
    /// Expected after Redis or the database lost something, until the next write: what was lost may have reached the other or not.
    /// </summary>
    public const byte Anything = 255;

    public Buffered Buffer;
    public bool Dirty;
    public Claim Claim;
    public Fence Fence;
    public Row Row;
    public Uncommitted Uncommitted;
    public Pair<Writer> Writers;
    public Pair<Flusher> Flushers;

    /// <summary>A request that is still on its way though its writer gave up waiting. It may arrive at any time, or never.</summary>
    public WriteRequest Late;

    /// <summary>How many writes were begun.</summary>
    public byte Writes;

    /// <summary>The value of the last write that Redis took.</summary>
    public byte Expected;

    /// <summary>One bit per write that Redis took.</summary>
    public byte Applied;

    public bool AppliedTwice;

    /// <summary>One bit per write that is an operation which Redis remembers.</summary>
    public byte Memos;

    /// <summary>The same of those in the older hash, which is the next to go.</summary>
    public byte OlderMemos;

    /// <summary>One bit per write that Redis may have forgotten as an operation.</summary>
    public byte Forgotten;

    /// <summary>One bit per put that was begun: what callers may repeat.</summary>
    public byte Puts;

    /// <summary>Whether a write went on top of another value than its writer had seen.</summary>
    public bool OverwroteUnseen;

    public bool Wiped;

    /// <summary>
    /// One bit per writer that has written since the copy of Redis was taken. Once Redis went back to it these writers remember a call that
    /// Redis does not.
    /// </summary>
    public byte Ahead;

    /// <summary>An older copy of Redis: a backup, or a replica that lags.</summary>
    public RedisCopy Copy;

    /// <summary>An older row: in a backup, or at a replica that lags.</summary>
    public Row OldRow;

    /// <summary>What has happened so far of all that happens once.</summary>
    public Mishaps Happened;

    /// <summary>What went wrong in the last step without leaving a mark elsewhere.</summary>
    public Breach Breach;

    /// <summary>The pause of the flush.</summary>
    public FlushPause Pause;

    /// <summary>For how many ticks knowledge gained now will not count.</summary>
    public byte QuarantineLeft;

    public static World Start(ProtocolRules rules) => rules.StartsEmpty
        ? default
        : new World { Row = new Row(1, FirstRow), Expected = FirstRow };

    public static ReadOnlySpan<ulong> AsWords(ref readonly World world)
        => MemoryMarshal.Cast<World, ulong>(MemoryMarshal.CreateReadOnlySpan(in world, 1));

    public override readonly string ToString()
        => string.Join(", ", new[]
        {
            Row.Exists ? $"row v{Row.Version}={Row.Value}" : "no row",
            Uncommitted.Exists ? $"uncommitted v{Uncommitted.Version}={Uncommitted.Value}" : "",
            Buffer.Exists ? $"buffer v{Buffer.Version}={Buffer.Value}" : "",
            Buffer.Exists ? (Dirty ? "dirty" : "clean") + (Buffer.Old ? " of before" : "") : "",
            Fence.Exists ? $"fence v{Fence.Version}{(Fence.Old ? " of before" : "")}" : "",
            Claim.Exists ? $"claimed by flusher {Claim.Owner}" : "",
            Pause.Exists ? Pause.IsQuiet ? "paused, and quiet" : "paused" : "",
            $"expected {Expected}",
        }.Where(static part => part.Length > 0));
}
