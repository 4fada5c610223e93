using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace WriteBehind.Redis;

/// <summary>The engine's one meter and one activity source, with the instruments that all entity types share.</summary>
internal sealed class EngineMeter : IDisposable
{
    public EngineMeter(IMeterFactory? factory)
    {
        // A factory gives each host a meter of its own; without one (no AddMetrics) the process shares the name.
        Meter = factory?.Create(WriteBehindDiagnostics.MeterName) ?? new Meter(WriteBehindDiagnostics.MeterName);
        Writes = Meter.CreateCounter<long>(WriteBehindDiagnostics.Writes, "{write}");
        BufferWrites = Meter.CreateCounter<long>(WriteBehindDiagnostics.BufferWrites, "{write}");
        Conflicts = Meter.CreateCounter<long>(WriteBehindDiagnostics.Conflicts, "{write}");
        Refused = Meter.CreateCounter<long>(WriteBehindDiagnostics.Refused, "{write}");
        DatabaseNeeded = Meter.CreateCounter<long>(WriteBehindDiagnostics.DatabaseNeeded, "{write}");
        AckDuration = Meter.CreateHistogram<double>(WriteBehindDiagnostics.AckDuration, "s", advice: Buckets.Seconds);
        Loads = Meter.CreateCounter<long>(WriteBehindDiagnostics.Loads, "{load}");
        BatchSize = Meter.CreateHistogram<long>(WriteBehindDiagnostics.BatchSize, "{entity}", advice: Buckets.Entities);
        SaveDuration = Meter.CreateHistogram<double>(WriteBehindDiagnostics.SaveDuration, "s", advice: Buckets.Seconds);
        Flushed = Meter.CreateCounter<long>(WriteBehindDiagnostics.Flushed, "{entity}");
        SettleAborts = Meter.CreateCounter<long>(WriteBehindDiagnostics.SettleAborts, "{transaction}");
        StaleRows = Meter.CreateCounter<long>(WriteBehindDiagnostics.StaleRows, "{load}");
        Retries = Meter.CreateCounter<long>(WriteBehindDiagnostics.Retries, "{batch}");
    }

    public static ActivitySource Activities { get; } = new(WriteBehindDiagnostics.ActivitySourceName);

    public Meter Meter { get; }

    public Counter<long> Writes { get; }

    public Counter<long> BufferWrites { get; }

    public Counter<long> Conflicts { get; }

    public Counter<long> Refused { get; }

    public Counter<long> DatabaseNeeded { get; }

    public Histogram<double> AckDuration { get; }

    public Counter<long> Loads { get; }

    public Histogram<long> BatchSize { get; }

    public Histogram<double> SaveDuration { get; }

    public Counter<long> Flushed { get; }

    public Counter<long> SettleAborts { get; }

    public Counter<long> Retries { get; }

    public Counter<long> StaleRows { get; }

    public void Dispose() => Meter.Dispose();
}

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

/// <summary>
/// Remembers of what is dirty in which trace it was last written, so that the flush that saves it is linked to that. Nothing while nobody
/// listens; at most <see cref="Most"/> entities of a type, and those behind have no link.
/// </summary>
internal sealed class WriteTraces(string type)
{
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<string, ActivityContext> _written = new(StringComparer.Ordinal);

    /// <summary>Begins the activity of a write; null where nobody listens.</summary>
    public Activity? Begin(string id) => EngineMeter.Activities.StartActivity("writebehind.write")
        ?.SetTag(WriteBehindDiagnostics.TypeTag, type).SetTag(WriteBehindDiagnostics.IdTag, id);

    /// <summary>Notes that an entity was written in this activity.</summary>
    public void Note(string id, Activity? activity)
    {
        if (activity is not null && EngineMeter.Activities.HasListeners() && (_written.ContainsKey(id) || _written.Count < Most))
        {
            _written[id] = activity.Context;
        }
    }

    /// <summary>The writes that a flush of these entities saves; null where none is known.</summary>
    public ActivityLink[]? Take(IEnumerable<string> ids) => !EngineMeter.Activities.HasListeners() || _written.IsEmpty
        ? null
        : [.. ids.SelectMany(id => _written.TryRemove(id, out var written) ? [new ActivityLink(written)] : Array.Empty<ActivityLink>())];
}
