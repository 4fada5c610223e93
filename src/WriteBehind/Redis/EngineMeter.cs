using System.Diagnostics;
using System.Diagnostics.Metrics;
using WriteBehind.Common;

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
