using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Caching;
using WriteBehind.Queues;
using WriteBehind.RateLimits;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Deployment;

/// <summary>Every instrument that an engine publishes, with its names in Prometheus.</summary>
public sealed class PublishedInstruments : IAsyncLifetime
{
    private readonly List<Instrument> _instruments = [];

    public IReadOnlyList<Instrument> All => _instruments;

    public async Task InitializeAsync()
    {
        await using var engine = await TestEngine.StartAsync();
        var meter = engine.Services.GetRequiredService<EngineMeter>();

        // What an engine makes only when it has one of these.
        _ = new LimitMetrics(meter);
        _ = new QueueMetrics(meter);
        _ = new CacheMetrics(meter.Meter, "pages");

        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (ReferenceEquals(instrument.Meter, meter.Meter))
            {
                _instruments.Add(instrument);
            }
        };
        listener.Start();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    /// <summary>
    /// The series that OpenTelemetry's exporter makes of an instrument: the unit behind the name (annotations in braces are dropped), then
    /// the kind.
    /// </summary>
    public static string[] SeriesOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_');
        if (instrument.Unit is { } unit && !unit.StartsWith('{'))
        {
            name += unit == "s" ? "_seconds" : throw new InvalidOperationException($"{instrument.Name}: what is '{unit}' in Prometheus?");
        }

        var kind = instrument.GetType().GetGenericTypeDefinition();
        return kind == typeof(Counter<>) ? [name + "_total"]
            : kind == typeof(Histogram<>) ? [name + "_bucket", name + "_sum", name + "_count"]
            : [name];
    }
}
