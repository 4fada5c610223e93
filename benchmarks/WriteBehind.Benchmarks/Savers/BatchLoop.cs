using System.Diagnostics;
using Proof.Load;
using WriteBehind.Benchmarks.Measuring;

namespace WriteBehind.Benchmarks.Savers;

internal static class BatchLoop
{
    /// <summary>Saves one batch after the other. Rows are what is counted; a latency is that of a batch.</summary>
    public static async Task<LoadResult> RunAsync(IReadOnlyList<(int Rows, Func<Task> Save)> batches)
    {
        var latencies = new LatencyHistogram();
        var started = Stopwatch.GetTimestamp();
        foreach (var (_, save) in batches)
        {
            var before = Stopwatch.GetTimestamp();
            await save();
            latencies.Record(Stopwatch.GetElapsedTime(before));
        }

        return new LoadResult(batches.Sum(batch => (long)batch.Rows), Stopwatch.GetElapsedTime(started), latencies);
    }
}
