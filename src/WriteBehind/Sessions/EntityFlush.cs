namespace WriteBehind;

/// <summary>What one try to flush an entity came to.</summary>
public enum EntityFlush
{
    /// <summary>Everything that was acknowledged before the try is in the database.</summary>
    Saved,

    /// <summary>It is still dirty (another flusher holds it, or the database is away); a later try or the sweep flushes it.</summary>
    Pending,

    /// <summary>The database rejects it: it is tried a few more times by the sweep, then it is a dead letter.</summary>
    Rejected,

    /// <summary>
    /// What the owner holds no longer counts: PostgreSQL has a newer row, Redis lost the write, or it was set aside and discarded. The owner
    /// must load before it goes on; a save is refused as a conflict.
    /// </summary>
    Superseded,
}
