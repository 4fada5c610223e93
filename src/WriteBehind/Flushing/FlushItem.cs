using WriteBehind.Buffer;

namespace WriteBehind.Flushing;

/// <summary>
/// One entity on its way through one flush. Whoever asks for the flush makes it; the claim, the save and the settle note on it what they
/// found, and whoever asked reads what came of it.
/// </summary>
internal sealed class FlushItem(string id, int shard) : ClaimItem(id, shard)
{
    /// <summary>What is to be saved, read from the payload; null for a tombstone.</summary>
    public object? State { get; set; }

    /// <summary>
    /// What the sink said; null as long as it has said nothing, as where its part of the batch failed for a transient reason.
    /// </summary>
    public SaveResult? Saved { get; set; }

    /// <summary>Whether the flush is over for it.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>What came of it. Until the flush has come to it: as where the database is away.</summary>
    public FlushOutcome Outcome { get; private set; } = FlushOutcome.Unavailable;

    /// <summary>Why it failed.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Whether everything acknowledged before the flush is in the database.</summary>
    public bool IsSaved => Outcome is FlushOutcome.Clean or FlushOutcome.Saved or FlushOutcome.Moved;

    /// <summary>Whether another try soon may do better.</summary>
    public bool IsPassing
        => Outcome is FlushOutcome.Overtaken or FlushOutcome.Held or FlushOutcome.Unavailable
            or FlushOutcome.Expired or FlushOutcome.Blocked or FlushOutcome.Paused;

    /// <summary>Whether the last round had no room for it: it goes with the next.</summary>
    public bool IsLeft => !IsEnded && Status == ClaimStatus.Later;

    /// <summary>Whether its claim is still to be given back.</summary>
    public bool IsHeld => Status == ClaimStatus.Claimed && Outcome != FlushOutcome.Saved;

    public void End(FlushOutcome outcome, Exception? error = null) => (IsEnded, Outcome, Error) = (true, outcome, error);

    /// <summary>Ends those that no step has ended.</summary>
    public static void EndOpen(FlushItem[] items, Exception error)
    {
        foreach (var item in items)
        {
            if (!item.IsEnded)
            {
                item.End(FlushOutcome.Unavailable, error);
            }
        }
    }

    /// <summary>Lets go of what it carried: states may be large, and other rounds of the same batch may follow.</summary>
    public void Unload() => (State, Payload) = (null, null);
}

/// <summary>What a flush did with one entity.</summary>
internal enum FlushOutcome
{
    /// <summary>It was not dirty.</summary>
    Clean,

    /// <summary>It is in the database and clean.</summary>
    Saved,

    /// <summary>What was claimed is in the database; a newer write keeps it dirty.</summary>
    Moved,

    /// <summary>
    /// What was claimed was not saved (it can't be, or the database has a newer row), but a newer write has taken its place and is dirty.
    /// </summary>
    Overtaken,

    /// <summary>Another flusher holds it.</summary>
    Held,

    /// <summary>The database is away; it stays dirty.</summary>
    Unavailable,

    /// <summary>
    /// Another transaction holds its row, or it took too long; it stays dirty and waits, and the others go on without it.
    /// </summary>
    Blocked,

    /// <summary>The lease ended before the save; it stays dirty.</summary>
    Expired,

    /// <summary>The flush of the type is paused; it stays dirty.</summary>
    Paused,

    /// <summary>The database rejects it; it will be tried again.</summary>
    Rejected,

    /// <summary>It is a dead letter.</summary>
    Dead,

    /// <summary>Redis lost its state: an acknowledged write is gone.</summary>
    Lost,

    /// <summary>A newer release wrote it; this process leaves it to one that can read it.</summary>
    NewerSchema,
}
