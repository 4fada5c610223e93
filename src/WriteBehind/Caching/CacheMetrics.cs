using System.Diagnostics.Metrics;
using WriteBehind.Redis;

namespace WriteBehind.Caching;

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
