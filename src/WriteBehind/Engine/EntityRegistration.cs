using Microsoft.Extensions.Hosting;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>The registration of an entity type with its state type.</summary>
internal sealed class EntityRegistration<TState> : IEntityRegistration
    where TState : class
{
    public EntityRegistration(string type, Action<EntityTypeOptions<TState>>? configure)
    {
        Typed = new EntityTypeOptions<TState>(type);
        configure?.Invoke(Typed);
    }

    public string Type => Typed.Type;

    public EntityTypeOptions Options => Typed;

    private EntityTypeOptions<TState> Typed { get; }

    public ITypeEngine Build(EngineParts parts) => new TypeEngine<TState>(Typed, parts);
}

/// <summary>An entity type as it was registered, before its state type is known to the engine.</summary>
internal interface IEntityRegistration
{
    /// <summary>The registered name.</summary>
    string Type { get; }

    /// <summary>The settings, for validation.</summary>
    EntityTypeOptions Options { get; }

    /// <summary>Puts together what serves the type.</summary>
    ITypeEngine Build(EngineParts parts);
}

/// <summary>Stands where no sink was chosen, and says so.</summary>
internal sealed class MissingSinkFactory : IEntitySinkFactory
{
    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
        => throw new ConfigurationException(
            "UseSink",
            "No sink is registered: call UseEntityFramework<TContext>() (package WriteBehind.EntityFrameworkCore), or UseSink with your " +
            "own.",
            options.Type);
}

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
    /// Connects and checks as a start does, and starts no loop: for a program that runs one command. Nothing where the engine has started.
    /// </summary>
    /// <exception cref="ConfigurationException">What is found contradicts what is configured.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task ConnectAsync(CancellationToken cancellationToken);

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

/// <summary>Starts the engine with the host and drains it when the host stops.</summary>
internal sealed class WriteBehindHostedService(IEngineControl engine) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => engine.StartAsync(cancellationToken);

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await engine.StopAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host's time is over, and the log says what remained. An error would end its process as if it had crashed.
        }
    }
}
