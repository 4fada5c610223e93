namespace WriteBehind.Common;

/// <summary>
/// How often something happened lately: the mean over the last full seconds. Counts into a bucket per second, without a lock or a timer,
/// as every acknowledged write passes here.
/// </summary>
internal sealed class RecentRate(TimeProvider time)
{
    /// <summary>How far back it looks. Longer is steadier, shorter shows a change sooner.</summary>
    internal const int Seconds = 5;

    // The seconds looked at, and the one that is not over yet.
    private readonly Bucket[] _buckets = [.. Enumerable.Range(0, Seconds + 1).Select(_ => new Bucket(-1))];
    private readonly long _start = time.GetTimestamp();

    /// <summary>Per second. A process that is younger than the window is judged by its full seconds; 0 before the first is over.</summary>
    public double PerSecond
    {
        get
        {
            var now = Second;
            var first = Math.Max(0, now - Seconds);
            var count = 0L;
            for (var i = 0; i < _buckets.Length; i++)
            {
                var bucket = Volatile.Read(ref _buckets[i]);
                if (bucket.Second >= first && bucket.Second < now)
                {
                    count += Volatile.Read(ref bucket.Count);
                }
            }

            return now == first ? 0 : (double)count / (now - first);
        }
    }

    private long Second => (long)time.GetElapsedTime(_start).TotalSeconds;

    public void Add()
    {
        var second = Second;
        ref var place = ref _buckets[second % _buckets.Length];
        var bucket = Volatile.Read(ref place);
        if (bucket.Second < second)
        {
            // One of those that come at once begins the second; the others count with it.
            var fresh = new Bucket(second);
            var found = Interlocked.CompareExchange(ref place, fresh, bucket);
            bucket = found == bucket ? fresh : found;
        }

        Interlocked.Increment(ref bucket.Count);
    }

    private sealed class Bucket(long second)
    {
        public readonly long Second = second;
        public long Count;
    }
}
