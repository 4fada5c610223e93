using BenchmarkDotNet.Attributes;
using WriteBehind.Redis;

namespace WriteBehind.Benchmarks.Micro;

/// <summary>What it costs a request to travel in a batch, and not alone: the batch is answered at once here.</summary>
public class BatchForming
{
    private const int InFlight = 256;

    private readonly Task<int>[] _replies = new Task<int>[InFlight];
    private readonly GroupBatcher<int, int> _batcher = new(
        async batch =>
        {
            // A round trip of no length: what comes meanwhile forms the next batch.
            await Task.Yield();
            return [.. batch];
        },
        512,
        static _ => 100,
        4 << 20);

    [Benchmark(Baseline = true, OperationsPerInvoke = InFlight, Description = "each request alone")]
    public async Task AloneAsync()
    {
        for (var i = 0; i < InFlight; i++)
        {
            _replies[i] = AnswerAsync(i);
        }

        await Task.WhenAll(_replies);
    }

    [Benchmark(OperationsPerInvoke = InFlight, Description = "in batches")]
    public async Task TogetherAsync()
    {
        for (var i = 0; i < InFlight; i++)
        {
            _replies[i] = _batcher.SendAsync(i);
        }

        await Task.WhenAll(_replies);
    }

    private static async Task<int> AnswerAsync(int request)
    {
        await Task.Yield();
        return request;
    }
}
