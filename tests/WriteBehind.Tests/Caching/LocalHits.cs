using System.Diagnostics.Metrics;
using WriteBehind.Caching;

namespace WriteBehind.Tests.Caching;

/// <summary>Counts the reads that the first levels of a cache answer.</summary>
internal sealed class LocalHits : IDisposable
{
    private readonly MeterListener _listener = new();
    private int _count;

    public LocalHits(string cache)
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Name == CacheDiagnostics.Hits)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            if (tags.ToArray().Contains(new(CacheDiagnostics.CacheTag, cache))
                && tags.ToArray().Contains(new(CacheDiagnostics.LevelTag, "local")))
            {
                Interlocked.Increment(ref _count);
            }
        });
        _listener.Start();
    }

    public int Count => Volatile.Read(ref _count);

    public void Dispose() => _listener.Dispose();
}
