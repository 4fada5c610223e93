namespace WriteBehind;

/// <summary>
/// A flush was asked for and the entity could not be brought to the database: it is a dead letter now, or on its way to become
/// one. Its acknowledged state is kept in Redis; a new write, or a retry of the dead letter, revives it.
/// </summary>
public sealed class EntityRejectedException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public EntityRejectedException(string entityType, string entityId, string reason, Exception? cause = null, long version = 0)
        : base(
            $"{entityType} '{entityId}' could not be saved: {reason} Its state is kept in Redis. Mend the cause, then write it again or " +
            "retry its dead letter.",
            entityType,
            entityId,
            cause)
        => (Reason, Version) = (reason, version);

    /// <summary>Why, as a sentence.</summary>
    public string Reason { get; }

    /// <summary>The version that could not be saved; 0 where the flush only found that the entity had been set aside before.</summary>
    public long Version { get; }
}
