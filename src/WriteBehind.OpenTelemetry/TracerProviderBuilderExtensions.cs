using WriteBehind;

namespace OpenTelemetry.Trace;

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
