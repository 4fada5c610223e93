namespace WriteBehind.Caching;

/// <summary>
/// The names of what can be observed of caches, on the meter <see cref="WriteBehindDiagnostics.MeterName"/>. Every
/// instrument carries the tag <see cref="CacheTag"/>.
/// </summary>
public static class CacheDiagnostics
{
    /// <summary>The tag with the name of the cache.</summary>
    public const string CacheTag = "writebehind.cache";

    /// <summary>
    /// Counter: reads answered by a fresh entry, with the tag <see cref="LevelTag"/>. The hit rate is hits / (hits + stale hits + misses).
    /// </summary>
    public const string Hits = "writebehind.cache.hits";

    /// <summary>
    /// The tag of <see cref="Hits"/>: <c>local</c> (the first level), <c>redis</c>, or <c>shared</c> (with a read of the same key under
    /// way).
    /// </summary>
    public const string LevelTag = "writebehind.cache.level";

    /// <summary>Counter: reads answered by a value that had expired, because a load failed or took too long.</summary>
    public const string StaleHits = "writebehind.cache.stale_hits";

    /// <summary>Counter: reads that no entry could answer.</summary>
    public const string Misses = "writebehind.cache.misses";

    /// <summary>Counter: calls of loaders; one may load many keys.</summary>
    public const string Loads = "writebehind.cache.loads";

    /// <summary>Counter: calls of loaders that failed.</summary>
    public const string LoadFailures = "writebehind.cache.load.failures";

    /// <summary>Histogram, seconds: how long calls of loaders took.</summary>
    public const string LoadDuration = "writebehind.cache.load.duration";

    /// <summary>Counter: entries that left the first level because it was full.</summary>
    public const string Evictions = "writebehind.cache.evictions";

    /// <summary>Counter: invalidations that this process made: calls, whatever number of keys they had.</summary>
    public const string InvalidationsSent = "writebehind.cache.invalidations.sent";

    /// <summary>Counter: messages of invalidations that this process heard, its own included.</summary>
    public const string InvalidationsReceived = "writebehind.cache.invalidations.received";

    /// <summary>Counter: how often the first level was emptied because messages were missed.</summary>
    public const string Gaps = "writebehind.cache.invalidations.gaps";

    /// <summary>Counter: keys whose load by another process was waited for.</summary>
    public const string LockWaits = "writebehind.cache.lock.waits";

    /// <summary>Counter: keys that were loaded anew before they expired.</summary>
    public const string EarlyRefreshes = "writebehind.cache.early_refreshes";

    /// <summary>Counter: loads whose value was not stored, because something newer was known, or a write was under way.</summary>
    public const string FillsRefused = "writebehind.cache.fills.refused";

    /// <summary>Counter: operations of Redis that failed; reads then went to the loader.</summary>
    public const string RedisFailures = "writebehind.cache.redis.failures";
}
