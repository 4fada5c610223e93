using WriteBehind;

namespace OpenTelemetry.Metrics;

/// <summary>Collects the metrics of WriteBehind.</summary>
public static class WriteBehindMeterProviderBuilderExtensions
{
    /// <summary>
    /// Collects the instruments that <see cref="WriteBehindDiagnostics"/> names, of every engine of the process. Histograms bring buckets
    /// of their own, which begin at half a millisecond; a view of the application counts before them.
    /// </summary>
    /// <param name="builder">The metrics of the application.</param>
    public static MeterProviderBuilder AddWriteBehindInstrumentation(this MeterProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddMeter(WriteBehindDiagnostics.MeterName);
    }
}
