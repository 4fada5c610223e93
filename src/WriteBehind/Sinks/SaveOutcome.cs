namespace WriteBehind.Sinks;

/// <summary>What became of one entity of a batch.</summary>
public enum SaveOutcome
{
    /// <summary>The row was written or deleted.</summary>
    Applied,

    /// <summary>The row had this very version already (or, for a delete, was gone already): a replay, counted as a no-op.</summary>
    AlreadyThere,

    /// <summary>The row is newer than what was to be saved and was left alone.</summary>
    Fenced,

    /// <summary>The flusher's lease had ended by the database's clock, so nothing was done.</summary>
    Expired,

    /// <summary>This entity can't be stored, without the database having been asked (its id is no key of the table, for example).</summary>
    Rejected,
}
