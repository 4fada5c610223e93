using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Diagnostics;

/// <summary>
/// Adds up what one engine's meter says, by instrument and tags; meters of the same name of other engines are passed over.
/// </summary>
internal sealed class MeterReader : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, double> _sums = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, double> _gauges = new(StringComparer.Ordinal);

    public MeterReader(TestEngine engine)
    {
        var factory = engine.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == WriteBehindDiagnostics.MeterName && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>The sum of a counter or histogram of the type <c>item</c>; with a further tag's value where there is one.</summary>
    public double Sum(string instrument, string? tag = null) => _sums.GetValueOrDefault(Key(instrument, "item", tag));

    /// <summary>How many values a histogram got.</summary>
    public int Count(string instrument) => _counts.GetValueOrDefault(Key(instrument, "item", null));

    /// <summary>What a gauge shows now; null where it shows nothing.</summary>
    public double? Gauge(string instrument, string? type = "item")
    {
        _gauges.Clear();
        _listener.RecordObservableInstruments();
        return _gauges.TryGetValue(Key(instrument, type, null), out var value) ? value : null;
    }

    public void Dispose() => _listener.Dispose();

    private static string Key(string instrument, string? type, string? tag) => $"{instrument}|{type}|{tag}";

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string? type = null, further = null;
        foreach (var tag in tags)
        {
            if (tag.Key == WriteBehindDiagnostics.TypeTag)
            {
                type = (string?)tag.Value;
            }
            else
            {
                further = (string?)tag.Value;
            }
        }

        var key = Key(instrument.Name, type, further);
        if (instrument.IsObservable)
        {
            _gauges[key] = value;
            return;
        }

        _sums.AddOrUpdate(key, value, (_, sum) => sum + value);
        _counts.AddOrUpdate(key, 1, (_, count) => count + 1);
    }
}
