using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using WriteBehind.Caching;

namespace WriteBehind.Tests.Caching;

/// <summary>Listens to the meter and adds up what concerns one cache.</summary>
internal sealed class CacheCounters : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = new();

    public CacheCounters(string cache)
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == WriteBehindDiagnostics.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags, cache));
        _listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add(instrument, 1, tags, cache));
        _listener.Start();
    }

    /// <summary>The sum of a counter, or how often a histogram was recorded.</summary>
    public long this[string instrument] => _sums.GetValueOrDefault(instrument);

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, string cache)
    {
        foreach (var tag in tags)
        {
            if (tag.Key == CacheDiagnostics.CacheTag && (string?)tag.Value == cache)
            {
                _sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            }
        }
    }
}
