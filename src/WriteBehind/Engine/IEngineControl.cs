using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>
/// What a host with a lifecycle of its own does with the engine. Where <c>AddWriteBehind</c> registered it, its hosted service starts and
/// stops it, and its own loops sweep.
/// </summary>
internal interface IEngineControl
{
    /// <summary>Connects, checks what must be right before the first write, and starts the loops.</summary>
    /// <exception cref="ConfigurationException">What is found contradicts what is configured.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Stops the loops, flushes what it can within <see cref="WriteBehindOptions.DrainTimeout"/>, and says what remained.
    /// </summary>
    /// <exception cref="OperationCanceledException">The host's time was over before that. What remained is in the log.</exception>
    Task<FlushReport> StopAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Makes one pass over a part of the shards of every type: flushes what has been dirty for longer than <paramref name="minAge"/>
    /// (default: half of the type's MaxAge, at least its FlushDelay), oldest first, whoever wrote it. For hosts that turn the engine's own
    /// sweep off (<see cref="WriteBehindOptions.Sweep"/>). A pass takes a few seconds at most.
    /// </summary>
    /// <returns>How many entities became clean.</returns>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<long> SweepAsync(SweepPart part, TimeSpan? minAge = null, CancellationToken cancellationToken = default);
}
