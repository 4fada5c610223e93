namespace WriteBehind;

/// <summary>What happens to the buffered state once it is in the database.</summary>
public enum AfterFlush
{
    /// <summary>It is deleted from Redis; only the fence stays. Least memory; the next read comes from the database.</summary>
    Delete,

    /// <summary>It stays as a clean entry for <see cref="EntityTypeOptions.CacheTtl"/>, so that reads and updates need no database.</summary>
    Keep,
}
