namespace WriteBehind;

/// <summary>The engine as a whole, over all its entity types. Register it with <see cref="WriteBehindServiceCollectionExtensions.AddWriteBehind"/>.</summary>
public interface IWriteBehindEngine
{
    /// <summary>The registered entity types.</summary>
    IReadOnlyCollection<string> Types { get; }

    /// <summary>The settings of an entity type. They are not to be changed any more.</summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    EntityTypeOptions OptionsOf(string type);

    /// <summary>The entities set aside.</summary>
    IDeadLetters DeadLetters { get; }

    /// <summary>The front of the entity type with this state type.</summary>
    /// <exception cref="UnknownEntityTypeException">No type, or more than one, has this state type.</exception>
    IEntityStore<TState> Store<TState>()
        where TState : class;

    /// <summary>The front of an entity type by name.</summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name has this state type.</exception>
    IEntityStore<TState> Store<TState>(string type)
        where TState : class;

    /// <summary>How everything is doing. Asks Redis for the backlog; where Redis is away, the last known one is given.</summary>
    Task<EngineStatus> GetStatusAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Flushes whatever is dirty, whatever its age, and returns once everything that was dirty at the call is in the database,
    /// rejected, or <paramref name="timeout"/> (default 25 s) is over.
    /// </summary>
    Task<FlushReport> FlushAllAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Flushes one entity, whatever its state type; as <see cref="IEntityStore{TState}.FlushAsync"/> of its type does. For tools that know
    /// types by name.
    /// </summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="EntityRejectedException">The database rejects it.</exception>
    /// <exception cref="FlushIncompleteException">It was not flushed within <paramref name="timeout"/> (default 25 s).</exception>
    Task FlushAsync(string type, string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes one pass over a part of the shards of every type: flushes what has been dirty for longer than <paramref name="minAge"/>
    /// (default: half of the type's MaxAge, at least its FlushDelay), oldest first, whoever wrote it. For hosts that turn the engine's own
    /// sweep off (<see cref="WriteBehindOptions.Sweep"/>) and drive it themselves. A pass takes a few seconds at most.
    /// </summary>
    /// <returns>How many entities became clean.</returns>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<long> SweepAsync(SweepPart part, TimeSpan? minAge = null, CancellationToken cancellationToken = default);
}

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

/// <summary>A part of every type's shards, for several sweepers to share the work: shard s belongs to part s modulo the number of parts.</summary>
/// <param name="Index">Which part, from 0.</param>
/// <param name="Of">How many parts there are.</param>
public readonly record struct SweepPart(int Index, int Of)
{
    /// <summary>All shards.</summary>
    public static readonly SweepPart All = new(0, 1);

    internal bool Has(int shard) => shard % Of == Index;
}
