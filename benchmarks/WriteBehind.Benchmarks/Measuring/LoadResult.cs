using Proof.Load;

namespace WriteBehind.Benchmarks.Measuring;

/// <summary>What a turn's work came to.</summary>
/// <param name="Operations">How much was done.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Latencies">How long each operation took; null where that means nothing.</param>
public sealed record LoadResult(long Operations, TimeSpan Elapsed, LatencyHistogram? Latencies);
