using System.Diagnostics;
using Proof.Load;

namespace WriteBehind.Benchmarks.Measuring;

/// <summary>A fixed number of callers, each of which sends its next call when the last was answered.</summary>
public static class ClosedLoop
{
    /// <summary>Calls for a while.</summary>
    /// <param name="callers">How many calls are in flight.</param>
    /// <param name="duration">How long no further call is begun after.</param>
    /// <param name="operation">Makes one call; is told the caller, from 0, and given a random source of the caller's own.</param>
    public static Task<LoadResult> RunAsync(int callers, TimeSpan duration, Func<int, Random, Task> operation)
    {
        var end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        return RunAsync(callers, (_, now) => now < end, operation);
    }

    /// <summary>Makes a number of calls, spread evenly over the callers.</summary>
    public static Task<LoadResult> RunAsync(int callers, long operations, Func<int, Random, Task> operation)
        => RunAsync(callers, (done, _) => done < operations, operation);

    private static async Task<LoadResult> RunAsync(int callers, Func<long, long, bool> goesOn, Func<int, Random, Task> operation)
    {
        var latencies = new LatencyHistogram();
        var begun = 0L;
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(() => CallAsync(caller))));
        return new LoadResult(counts.Sum(), Stopwatch.GetElapsedTime(started), latencies);

        async Task<long> CallAsync(int caller)
        {
            // Seeded, so that every contender meets the same entities in the same order.
            var random = new Random(caller);
            var done = 0L;
            for (var before = Stopwatch.GetTimestamp(); goesOn(Interlocked.Increment(ref begun) - 1, before); done++)
            {
                await operation(caller, random);
                var after = Stopwatch.GetTimestamp();
                latencies.Record(Stopwatch.GetElapsedTime(before, after));
                before = after;
            }

            return done;
        }
    }
}
