namespace WriteBehind.Buffer;

/// <summary>What Redis knows of an entity.</summary>
/// <param name="Known">The version of the buffered state, else of the fence, else 0, stamped.</param>
/// <param name="IsBuffered">Whether a state or tombstone is there; otherwise the database has the latest.</param>
/// <param name="Payload">The payload; null for a tombstone, or where nothing is buffered.</param>
/// <param name="Error">Where the entity's key holds something else than a hash: Redis' words.</param>
/// <param name="IsClean">Whether what is buffered is a mere cache entry.</param>
internal readonly record struct BufferedEntity(Knowledge Known, bool IsBuffered, byte[]? Payload, string? Error = null, bool IsClean = false);
