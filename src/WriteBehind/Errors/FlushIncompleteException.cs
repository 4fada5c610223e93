namespace WriteBehind;

/// <summary>A flush on demand did not finish in the time it was given. What it did not reach stays dirty in Redis and is flushed later.</summary>
public sealed class FlushIncompleteException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public FlushIncompleteException(string entityType, string entityId, TimeSpan waited, string reason, Exception? cause = null)
        : base(
            $"{entityType} '{entityId}' was not flushed within {waited.TotalSeconds:0.#} s: {reason} It stays dirty in Redis and is flushed later.",
            entityType,
            entityId,
            cause)
        => (Waited, Reason) = (waited, reason);

    /// <summary>How long the flush was tried.</summary>
    public TimeSpan Waited { get; }

    /// <summary>What was in the way, as a sentence.</summary>
    public string Reason { get; }
}
