using System.Diagnostics.Metrics;

namespace WriteBehind.Common;

/// <summary>
/// What histograms advise those who collect them: without it, OpenTelemetry's buckets for milliseconds are taken, and whatever is below
/// five seconds falls into the first of them.
/// </summary>
internal static class Buckets
{
    /// <summary>For durations in seconds: close together where Redis and PostgreSQL answer when all is well, up to time-outs.</summary>
    public static InstrumentAdvice<double> Seconds { get; } = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    /// <summary>For entities in a batch, up to the largest <see cref="EntityTypeOptions.BatchSize"/>.</summary>
    public static InstrumentAdvice<long> Entities { get; } = new()
    {
        HistogramBucketBoundaries = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
    };
}
