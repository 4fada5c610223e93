using WriteBehind.Caching.Diagnostics;

namespace WriteBehind.Caching.Loading;

/// <summary>
/// Remembers for a moment that Redis did not answer. Reads pass it by meanwhile: each of them would wait for its time-out before it turns to
/// the database, which is all that is left.
/// </summary>
internal sealed class RedisAbsence(CacheMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private long _until = long.MinValue;

    public bool IsAway => time.GetTimestamp() < Volatile.Read(ref _until);

    public void Note()
    {
        metrics.RedisFailed();
        Volatile.Write(ref _until, time.GetTimestamp() + (long)(Pause.TotalSeconds * time.TimestampFrequency));
    }
}
