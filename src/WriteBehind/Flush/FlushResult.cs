namespace WriteBehind.Flush;

/// <summary>What a flush did with one entity, and why where it failed, with the version that it failed for.</summary>
internal readonly record struct FlushResult(FlushOutcome Outcome, Exception? Error = null, long Version = 0)
{
    /// <summary>Whether everything acknowledged before the flush is in the database.</summary>
    public bool IsSaved => Outcome is FlushOutcome.Clean or FlushOutcome.Saved or FlushOutcome.Moved;

    /// <summary>Whether another try soon may do better.</summary>
    public bool IsPassing => Outcome is FlushOutcome.Overtaken or FlushOutcome.Held or FlushOutcome.Unavailable or FlushOutcome.Expired or FlushOutcome.Blocked;
}
