namespace WriteBehind.Entities;

/// <summary>The front of an entity type with another write strategy than the type's.</summary>
internal sealed class StrategyStore<TState>(EntityStore<TState> store, WriteStrategy strategy) : IEntityStore<TState>
    where TState : class
{
    public string Type => store.Type;

    public Task<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default) => store.GetAsync(id, cancellationToken);

    public Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(IEnumerable<string> ids, CancellationToken cancellationToken = default)
        => store.GetManyAsync(ids, cancellationToken);

    public Task<long> SetAsync(string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => store.SetAsync(id, state, strategy, expectedVersion, cancellationToken);

    public Task<Entity<TState>?> UpdateAsync(string id, Func<TState?, TState?> change, CancellationToken cancellationToken = default)
        => store.UpdateAsync(id, change, strategy, cancellationToken);

    public Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => store.DeleteAsync(id, strategy, expectedVersion, cancellationToken);

    public Task FlushAsync(string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default) => store.FlushAsync(id, timeout, cancellationToken);

    public IEntitySession<TState> OpenSession(string id) => store.OpenSession(id);

    public IEntityStore<TState> With(WriteStrategy strategy) => store.With(strategy);
}
