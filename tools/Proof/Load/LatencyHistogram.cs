using System.Numerics;

namespace Proof.Load;

/// <summary>
/// Counts durations in buckets that grow with them, so that any number of them takes the same few kilobytes. A percentile is right to
/// within 0.8 %. Any number of threads may record at once.
/// </summary>
public sealed class LatencyHistogram
{
    private const int SubBits = 7;
    private const int SubCount = 1 << SubBits;

    private readonly long[] _counts = new long[(64 - SubBits + 1) * SubCount];

    public void Record(TimeSpan duration) => Interlocked.Increment(ref _counts[IndexOf(Microseconds(duration))]);

    /// <summary>The duration that this share of all (0 to 1) did not exceed, in milliseconds; 0 where nothing was recorded.</summary>
    public double PercentileMilliseconds(double share)
    {
        var total = _counts.Sum();
        var wanted = Math.Max(1, (long)Math.Ceiling(total * share));
        var seen = 0L;
        for (var i = 0; i < _counts.Length && total > 0; i++)
        {
            seen += _counts[i];
            if (seen >= wanted)
            {
                return MiddleOf(i) / 1_000.0;
            }
        }

        return 0;
    }

    private static long Microseconds(TimeSpan duration) => Math.Max(0, duration.Ticks / TimeSpan.TicksPerMicrosecond);

    // Below 2 * SubCount every microsecond has its own bucket; above, each power of two is cut into SubCount of them.
    private static int IndexOf(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value | 1) - SubBits);
        return (shift * SubCount) + (int)(value >> shift);
    }

    private static double MiddleOf(int index)
    {
        var shift = Math.Max(0, (index / SubCount) - 1);
        var low = (long)(index - (shift * SubCount)) << shift;
        return low + (((1L << shift) - 1) / 2.0);
    }
}
