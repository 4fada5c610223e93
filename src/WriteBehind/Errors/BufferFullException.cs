namespace WriteBehind;

/// <summary>
/// The entity type has reached its bound of unflushed entities (<see cref="EntityTypeOptions.MaxDirty"/>) and this entity is
/// not among them. Nothing was written. Rewriting an entity that is dirty already is always accepted.
/// </summary>
public sealed class BufferFullException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public BufferFullException(string entityType, string entityId, long maxDirty)
        : base(
            $"{entityType} '{entityId}' was refused: '{entityType}' has reached MaxDirty ({maxDirty} entities, spread evenly over its shards). " +
            "PostgreSQL is behind or away; slow down and try again, or raise MaxDirty if Redis has the memory.",
            entityType,
            entityId)
        => MaxDirty = maxDirty;

    /// <summary>The bound that was reached, in entities of the type.</summary>
    public long MaxDirty { get; }
}
