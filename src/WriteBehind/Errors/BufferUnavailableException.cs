namespace WriteBehind;

/// <summary>Redis could not be reached or refused to work. The cause is the inner exception.</summary>
public sealed class BufferUnavailableException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public BufferUnavailableException(
        string message, bool outcomeUnknown = false, string? entityType = null, string? entityId = null, Exception? cause = null)
        : base(message, entityType, entityId, cause)
        => OutcomeUnknown = outcomeUnknown;

    /// <summary>
    /// True where a write was sent and its answer never came: it may have been applied or not. Load the entity to find out.
    /// False where nothing was written for certain.
    /// </summary>
    public bool OutcomeUnknown { get; }
}
