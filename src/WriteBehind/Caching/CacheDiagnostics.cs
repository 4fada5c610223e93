using System.Diagnostics.Metrics;
using WriteBehind.Redis;

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

/// <summary>Counts for one cache. A meter gives the same instrument for the same name, so caches share them.</summary>
internal sealed class CacheMetrics(Meter meter, string cache)
{
    private readonly KeyValuePair<string, object?> _cache = new(CacheDiagnostics.CacheTag, cache);
    private readonly Counter<long> _hits = meter.CreateCounter<long>(CacheDiagnostics.Hits, "{read}");
    private readonly Counter<long> _staleHits = meter.CreateCounter<long>(CacheDiagnostics.StaleHits, "{read}");
    private readonly Counter<long> _misses = meter.CreateCounter<long>(CacheDiagnostics.Misses, "{read}");
    private readonly Counter<long> _loads = meter.CreateCounter<long>(CacheDiagnostics.Loads, "{load}");
    private readonly Counter<long> _loadFailures = meter.CreateCounter<long>(CacheDiagnostics.LoadFailures, "{load}");
    private readonly Histogram<double> _loadDuration =
        meter.CreateHistogram<double>(CacheDiagnostics.LoadDuration, "s", advice: Buckets.Seconds);
    private readonly Counter<long> _evictions = meter.CreateCounter<long>(CacheDiagnostics.Evictions, "{entry}");
    private readonly Counter<long> _sent = meter.CreateCounter<long>(CacheDiagnostics.InvalidationsSent, "{invalidation}");
    private readonly Counter<long> _received = meter.CreateCounter<long>(CacheDiagnostics.InvalidationsReceived, "{message}");
    private readonly Counter<long> _gaps = meter.CreateCounter<long>(CacheDiagnostics.Gaps, "{gap}");
    private readonly Counter<long> _lockWaits = meter.CreateCounter<long>(CacheDiagnostics.LockWaits, "{key}");
    private readonly Counter<long> _earlyRefreshes = meter.CreateCounter<long>(CacheDiagnostics.EarlyRefreshes, "{key}");
    private readonly Counter<long> _fillsRefused = meter.CreateCounter<long>(CacheDiagnostics.FillsRefused, "{key}");
    private readonly Counter<long> _redisFailures = meter.CreateCounter<long>(CacheDiagnostics.RedisFailures, "{operation}");

    public void Hit(string level) => _hits.Add(1, _cache, new(CacheDiagnostics.LevelTag, level));

    public void StaleHit() => _staleHits.Add(1, _cache);

    public void Miss() => _misses.Add(1, _cache);

    public void Loaded(TimeSpan duration)
    {
        _loads.Add(1, _cache);
        _loadDuration.Record(duration.TotalSeconds, _cache);
    }

    public void LoadFailed() => _loadFailures.Add(1, _cache);

    public void Evicted() => _evictions.Add(1, _cache);

    public void Sent() => _sent.Add(1, _cache);

    public void Received() => _received.Add(1, _cache);

    public void Gap() => _gaps.Add(1, _cache);

    public void LockWait() => _lockWaits.Add(1, _cache);

    public void EarlyRefresh() => _earlyRefreshes.Add(1, _cache);

    public void FillRefused() => _fillsRefused.Add(1, _cache);

    public void RedisFailed() => _redisFailures.Add(1, _cache);
}
