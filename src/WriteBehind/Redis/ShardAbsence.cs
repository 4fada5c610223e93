using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>
/// Remembers for a moment that Redis did not answer for a shard. Callers pass Redis by meanwhile: each of them would wait for its time-out
/// before it turns to what is left. Per shard, because the others may be on servers that are well.
/// </summary>
/// <param name="shards">How many shards there are.</param>
/// <param name="pause">For how long Redis is not asked again.</param>
/// <param name="noted">Called for each time that Redis did not answer.</param>
/// <param name="time">The clock.</param>
internal sealed class ShardAbsence(int shards, TimeSpan pause, Action noted, TimeProvider time)
{
    private readonly long[] _until = [.. Enumerable.Repeat(long.MinValue, shards)];

    public bool IsAway(int shard) => time.GetTimestamp() < Volatile.Read(ref _until[shard]);

    /// <summary>For how long the shard is still passed by; zero if it may be asked.</summary>
    public TimeSpan Remaining(int shard)
    {
        var (now, until) = (time.GetTimestamp(), Volatile.Read(ref _until[shard]));
        return now < until ? time.GetElapsedTime(now, until) : TimeSpan.Zero;
    }

    public void Note(int shard)
    {
        noted();
        Volatile.Write(ref _until[shard], time.In(pause));
    }
}
