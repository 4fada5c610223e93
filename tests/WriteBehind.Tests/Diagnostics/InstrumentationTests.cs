using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Diagnostics;

/// <summary>
/// OpenTelemetry collects what the engine tells, with one line each for metrics and traces. It collects of the whole process, so no other
/// test may run beside.
/// </summary>
[Collection(Alone.Name)]
public sealed class InstrumentationTests
{
    [Fact]
    public async Task Metrics_come_with_buckets_of_their_own_and_traces_with_a_link_from_the_flush_to_the_write()
    {
        List<Metric> metrics = [];
        List<Activity> activities = [];
        using var meters = Sdk.CreateMeterProviderBuilder().AddWriteBehindInstrumentation().AddInMemoryExporter(metrics).Build();
        using var tracers = Sdk.CreateTracerProviderBuilder().AddWriteBehindInstrumentation().AddInMemoryExporter(activities).Build();
        await using var engine = await TestEngine.StartAsync();
        var id = Guid.NewGuid().ToString("n");

        await engine.Items.SetAsync(id, new Item(1));
        await engine.FlushAsync(id);
        meters.ForceFlush();
        tracers.ForceFlush();

        Assert.Contains(metrics, static metric => metric.Name == WriteBehindDiagnostics.Writes);
        var bound = 0.0;
        foreach (var point in metrics.First(static metric => metric.Name == WriteBehindDiagnostics.AckDuration).GetMetricPoints())
        {
            foreach (var bucket in point.GetHistogramBuckets())
            {
                bound = bound == 0 ? bucket.ExplicitBound : bound;
            }
        }

        Assert.Equal(0.0005, bound);
        var write = Assert.Single(activities, activity => Equals(activity.GetTagItem(WriteBehindDiagnostics.IdTag), id));

        // Its caller is told of a flush a moment before the flush is over.
        await Eventually.TrueAsync(
            () => activities.ToArray().Any(flush => flush.Links.Any(link => link.Context.SpanId == write.SpanId)));
    }
}
