using WriteBehind;

namespace Orleans.WriteBehind.Storage;

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
