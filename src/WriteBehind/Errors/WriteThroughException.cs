namespace WriteBehind;

/// <summary>
/// A write that was to be in PostgreSQL before it returned is accepted and safe in Redis, and PostgreSQL does not have it. It counts: reads
/// give it, and it is flushed as any write behind is. Do not repeat it. The inner exception says what was in the way:
/// <see cref="FlushIncompleteException"/> (time was over) or <see cref="EntityRejectedException"/> (PostgreSQL does not take it).
/// </summary>
public sealed class WriteThroughException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public WriteThroughException(string entityType, string entityId, long version, WriteBehindException cause)
        : base(
            $"{entityType} '{entityId}' is buffered in Redis as version {version} and not in PostgreSQL yet: {cause?.Message} The write is accepted; do not repeat it.",
            entityType,
            entityId,
            cause)
        => Version = version;

    /// <summary>The version that Redis has.</summary>
    public long Version { get; }
}
