namespace WriteBehind.Flush;

/// <summary>What a flush did with one entity.</summary>
internal enum FlushOutcome
{
    /// <summary>It was not dirty.</summary>
    Clean,

    /// <summary>It is in the database and clean.</summary>
    Saved,

    /// <summary>What was claimed is in the database; a newer write keeps it dirty.</summary>
    Moved,

    /// <summary>What was claimed was not saved (it can't be, or the database has a newer row), but a newer write has taken its place and is dirty.</summary>
    Overtaken,

    /// <summary>Another flusher holds it.</summary>
    Held,

    /// <summary>The database is away; it stays dirty.</summary>
    Unavailable,

    /// <summary>Another transaction holds its row, or it took too long; it stays dirty and waits, and the others go on without it.</summary>
    Blocked,

    /// <summary>The lease ended before the save; it stays dirty.</summary>
    Expired,

    /// <summary>The database rejects it; it will be tried again.</summary>
    Rejected,

    /// <summary>It is a dead letter.</summary>
    Dead,

    /// <summary>Redis lost its state: an acknowledged write is gone.</summary>
    Lost,

    /// <summary>A newer release wrote it; this process leaves it to one that can read it.</summary>
    NewerSchema,
}
