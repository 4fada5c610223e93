using System.Diagnostics;
using Proof.Load;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Caching;

/// <summary>Many readers that ask for one cold key at the same moment, again and again, each time for another key.</summary>
/// <param name="rows">Counts the loads.</param>
/// <param name="times">How many stampedes are a turn.</param>
internal sealed class Stampede(ProductRows rows, int times)
{
    public const int Readers = 1_000;

    public const string LoadsFigure = "loads per stampede";

    private int _keys;

    /// <param name="name">What the table calls it.</param>
    /// <param name="read">Reads a key; is told which reader it is, from 0.</param>
    public Contender Contender(string name, Func<string, int, Task<Product?>> read)
    {
        LoadResult? last = null;
        var loads = 0L;
        return new Contender(name, async () =>
        {
            loads = rows.Loads;
            last = await RunAsync(read);
            loads = rows.Loads - loads;
            return last;
        })
        {
            Figures = () => new Dictionary<string, double>
            {
                [LoadsFigure] = (double)loads / times,
                ["ms per stampede"] = last!.Elapsed.TotalMilliseconds / times,
            },
        };
    }

    private async Task<LoadResult> RunAsync(Func<string, int, Task<Product?>> read)
    {
        var latencies = new LatencyHistogram();
        var elapsed = TimeSpan.Zero;
        for (var i = 0; i < times; i++)
        {
            var key = $"cold-{Interlocked.Increment(ref _keys)}";
            var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var started = 0L;
            Task[] readers = [.. Enumerable.Range(0, Readers).Select(async reader =>
            {
                await gate.Task;
                _ = await read(key, reader) ?? throw new InvalidOperationException($"Reader {reader} got nothing.");
                latencies.Record(Stopwatch.GetElapsedTime(started));
            })];
            started = Stopwatch.GetTimestamp();
            gate.SetResult();
            await Task.WhenAll(readers);
            elapsed += Stopwatch.GetElapsedTime(started);
        }

        return new LoadResult((long)times * Readers, elapsed, latencies);
    }
}
