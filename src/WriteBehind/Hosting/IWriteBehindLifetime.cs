using WriteBehind.Status;

namespace WriteBehind;

/// <summary>
/// Starts and stops the engine, for hosts with a lifecycle of their own. Where <c>AddWriteBehind</c> registered the engine, its hosted
/// service does this.
/// </summary>
public interface IWriteBehindLifetime
{
    /// <summary>Connects, checks what must be right before the first write, and starts the loops.</summary>
    /// <exception cref="ConfigurationException">What is found contradicts what is configured.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Stops the loops, flushes what it can within <see cref="WriteBehindOptions.DrainTimeout"/>, and says what remained.</summary>
    /// <exception cref="OperationCanceledException">The host's time was over before that. What remained is in the log.</exception>
    Task<FlushReport> StopAsync(CancellationToken cancellationToken);
}
