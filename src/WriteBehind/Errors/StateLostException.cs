namespace WriteBehind;

/// <summary>
/// The entity has an acknowledged write that is not in the database, and Redis no longer has its state: it was evicted, or deleted by
/// somebody. The write is lost; what the database has counts from now on.
/// </summary>
public sealed class StateLostException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public StateLostException(string entityType, string entityId)
        : base(
            $"{entityType} '{entityId}' was not flushed: Redis no longer has its state, which was evicted or deleted, and an acknowledged write is lost. " +
            "Check maxmemory-policy (it must be noeviction), and who else deletes keys there.",
            entityType,
            entityId)
    {
    }
}
