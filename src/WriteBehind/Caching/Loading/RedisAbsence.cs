using WriteBehind.Caching.Diagnostics;

namespace WriteBehind.Caching.Loading;

/// <summary>
/// Remembers for a moment that Redis did not answer for a shard. Reads pass it by meanwhile: each of them would wait for its time-out before it
/// turns to the database, which is all that is left. Per shard, because the others may be on servers that are well.
/// </summary>
internal sealed class RedisAbsence(int shards, CacheMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly long[] _until = [.. Enumerable.Repeat(long.MinValue, shards)];

    public bool IsAway(int shard) => time.GetTimestamp() < Volatile.Read(ref _until[shard]);

    public void Note(int shard)
    {
        metrics.RedisFailed();
        Volatile.Write(ref _until[shard], time.GetTimestamp() + (long)(Pause.TotalSeconds * time.TimestampFrequency));
    }
}
