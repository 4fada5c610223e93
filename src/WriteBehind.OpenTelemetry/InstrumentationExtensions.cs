using WriteBehind;

namespace OpenTelemetry.Metrics
{
    /// <summary>Collects the metrics of WriteBehind.</summary>
    public static class WriteBehindMeterProviderBuilderExtensions
    {
        /// <summary>
        /// Collects the instruments that <see cref="WriteBehindDiagnostics"/> names, of every engine of the process. Histograms bring
        /// buckets of their own, which begin at half a millisecond; a view of the application counts before them.
        /// </summary>
        /// <param name="builder">The metrics of the application.</param>
        public static MeterProviderBuilder AddWriteBehindInstrumentation(this MeterProviderBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.AddMeter(WriteBehindDiagnostics.MeterName);
        }
    }
}

namespace OpenTelemetry.Trace
{
    /// <summary>Collects the traces of WriteBehind.</summary>
    public static class WriteBehindTracerProviderBuilderExtensions
    {
        /// <summary>
        /// Collects the activities of writes and flushes (<see cref="WriteBehindDiagnostics.ActivitySourceName"/>). A flush saves what many
        /// calls wrote and is in none of their traces; it is linked to them.
        /// </summary>
        /// <param name="builder">The traces of the application.</param>
        public static TracerProviderBuilder AddWriteBehindInstrumentation(this TracerProviderBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.AddSource(WriteBehindDiagnostics.ActivitySourceName);
        }
    }
}
