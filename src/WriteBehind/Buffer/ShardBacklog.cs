namespace WriteBehind.Buffer;

/// <summary>What waits in one shard.</summary>
/// <param name="Dirty">Dirty entities.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="OldestAge">The age of the oldest dirty entity; null where nothing is dirty.</param>
/// <param name="Now">Redis time in ms.</param>
internal readonly record struct ShardBacklog(long Dirty, long Dead, TimeSpan? OldestAge, long Now);
