using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Orleans.Metadata;
using Orleans.Storage;
using WriteBehind;

namespace Orleans.WriteBehind.Storage;

/// <summary>Opens the sessions of one provider: over the entity type a state is mapped to, else over the provider's own.</summary>
internal sealed class StateSessionFactory(
    WriteBehindGrainStorageOptions options,
    IWriteBehindEngine engine,
    IGrainStorageSerializer silo,
    IGrainContextAccessor contexts)
{
    private static readonly MethodInfo MappedMethod =
        typeof(StateSessionFactory).GetMethod(nameof(OpenMapped), BindingFlags.Instance | BindingFlags.NonPublic)!;

    private readonly ConcurrentDictionary<(Type State, string Name), Delegate> _openers = new();
    private readonly ConcurrentDictionary<Type, object> _codecs = new();

    /// <exception cref="ConfigurationException">The state is mapped to an entity type of another state type.</exception>
    public IStateSession<T> Open<T>(string stateName, GrainId grainId)
    {
        var open = (Func<string, GrainId, IStateSession<T>>)_openers.GetOrAdd(
            (typeof(T), stateName), static (key, self) => self.Opener<T>(key.Name), this);
        return open(stateName, grainId);
    }

    private Func<string, GrainId, IStateSession<T>> Opener<T>(string stateName)
    {
        if (!options.Entities.TryGetValue(stateName, out var type))
        {
            return OpenDocument<T>;
        }

        return engine.OptionsOf(type).StateType == typeof(T)
            ? MappedMethod.MakeGenericMethod(typeof(T)).CreateDelegate<Func<string, Func<string, GrainId, IStateSession<T>>>>(this)(type)
            : throw new ConfigurationException(
                nameof(WriteBehindGrainStorageOptions.Map),
                $"The state '{stateName}' is a {typeof(T).Name}, but the entity type '{type}' it is mapped to holds " +
                $"{engine.OptionsOf(type).StateType.Name}.",
                type);
    }

    private Func<string, GrainId, IStateSession<T>> OpenMapped<T>(string type)
        where T : class
    {
        var store = engine.Store<T>(type);
        return (_, grainId) => Session(
            store.OpenSession(GrainEntityId.Of(contexts.GrainContext?.GrainInstance, grainId)),
            static state => state,
            static (T state) => state);
    }

    private StateSession<T, GrainStateDocument> OpenDocument<T>(string stateName, GrainId grainId)
    {
        var codec = (GrainStateCodec<T>)_codecs.GetOrAdd(typeof(T), _ => new GrainStateCodec<T>(options, silo));
        var id = EntityId.Compose(stateName, grainId.Type.ToString() ?? string.Empty, grainId.Key.ToString() ?? string.Empty);
        return Session<T, GrainStateDocument>(
            engine.Store<GrainStateDocument>(options.EntityType).OpenSession(id),
            state => codec.Write(id, state),
            document => codec.Read(id, document));
    }

    private static StateSession<T, TState> Session<T, TState>(
        IEntitySession<TState> session, Func<T, TState> toEntity, Func<TState, T> fromEntity)
        where TState : class
        => new(session, toEntity, fromEntity, session.OpenFlushTimer());
}

/// <summary>A grain's state as a state of the engine, into which and from which it is turned.</summary>
internal sealed class StateSession<T, TState>(
    IEntitySession<TState> session, Func<T, TState> toEntity, Func<TState, T> fromEntity, IFlushTimer flush) : IStateSession<T>
    where TState : class
{
    public long Version => session.Version;

    public bool IsLoaded => session.IsLoaded;

    public async Task<(bool Exists, T? State)> LoadAsync()
    {
        var loaded = await session.LoadAsync().ConfigureAwait(false);
        flush.Arm();
        return loaded is null ? default : (true, fromEntity(loaded));
    }

    public void Assume(long version, bool exists) => session.Assume(version, exists);

    public void Check(T state) => session.ThrowIfUnsavable(toEntity(state));

    public async Task SaveAsync(T state)
    {
        await session.SaveAsync(toEntity(state)).ConfigureAwait(false);
        flush.Arm();
    }

    public async Task DeleteAsync()
    {
        await session.DeleteAsync().ConfigureAwait(false);
        flush.Arm();
    }

    public Task FinishAsync()
        => session.Options.WriteStrategy == WriteStrategy.Through ? session.WriteThroughAsync() : Task.CompletedTask;
}

/// <summary>One state of one grain, whatever it is kept as.</summary>
internal interface IStateSession<T>
{
    long Version { get; }

    bool IsLoaded { get; }

    /// <summary>Loads the state; false where there is none.</summary>
    Task<(bool Exists, T? State)> LoadAsync();

    void Assume(long version, bool exists);

    /// <summary>Throws where a save would, as the state could not be kept as it is.</summary>
    void Check(T state);

    Task SaveAsync(T state);

    Task DeleteAsync();

    /// <summary>Where the type's strategy is write-through: returns once PostgreSQL has what was saved or deleted.</summary>
    Task FinishAsync();
}

/// <summary>
/// Keeps the states of an activation that was given up from migrating: they were not acknowledged, and the activation on the other side
/// would go on with them as if they were.
/// </summary>
/// <remarks>
/// A migration that has begun can't be called off, and one may begin while the activation ends. But where a participant throws, Orleans
/// logs it, asks no further ones, and goes on without their states; on the other side they are then read. So the guard has to be the
/// first participant, and takes its place before the grain is made (<see cref="MigrationGuardConfigurator"/>).
/// </remarks>
internal sealed class MigrationGuard : IGrainMigrationParticipant
{
    private volatile bool _isGivenUp;

    public void GiveUp() => _isGivenUp = true;

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (_isGivenUp)
        {
            throw new InvalidOperationException(
                "A write of this activation failed, so its states in memory do not migrate with it. They are read on the other side.");
        }
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
    }
}

/// <summary>
/// Gives every activation that can migrate its <see cref="MigrationGuard"/>, before the grain is made and its states join the migration.
/// </summary>
internal sealed class MigrationGuardConfigurator : IConfigureGrainContextProvider, IConfigureGrainContext
{
    // The name of Orleans' strategy, which is internal. Stateless workers never migrate, and what stands for all of them takes no
    // components.
    private const string StatelessWorkers = "StatelessWorkerPlacement";

    public bool TryGetConfigurator(
        GrainType grainType, GrainProperties properties, [NotNullWhen(true)] out IConfigureGrainContext? configurator)
    {
        var canMigrate = properties.Properties.GetValueOrDefault(WellKnownGrainTypeProperties.PlacementStrategy) != StatelessWorkers;
        configurator = canMigrate ? this : null;
        return canMigrate;
    }

    public void Configure(IGrainContext context)
    {
        var guard = new MigrationGuard();
        context.SetComponent(guard);
        context.ObservableLifecycle.AddMigrationParticipant(guard);
    }
}
