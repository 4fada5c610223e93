using System.Collections.Concurrent;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Writing;

/// <summary>The typed front of one entity type.</summary>
internal sealed class EntityStore<TState>(
    TypeParts<TState> parts, EntityLoader<TState> loader, EntityWriter writer, FlushQueue flushes, FlushWheel wheel)
    : IEntityStore<TState>
    where TState : class
{
    private readonly FlushWaiter _waiter = new(
        parts, flushes, async id => (await loader.LoadVersionAsync(id, needsPresence: false).ConfigureAwait(false)).Known);
    private readonly ConcurrentDictionary<string, EntityLane<TState>> _lanes = new(StringComparer.Ordinal);
    private Func<EntityLane<TState>, bool>? _retire;

    public string Type => parts.Options.Type;

    public async Task<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default)
    {
        CheckId(id);
        var loaded = await loader.LoadAsync(id).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        return await TakeAsync(id, loaded, cancellationToken).ConfigureAwait(false);
    }

    public async Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(
        IEnumerable<string> ids, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        string[] distinct = [.. ids.Distinct(StringComparer.Ordinal)];
        Array.ForEach(distinct, CheckId);
        var loaded = await loader.LoadManyAsync(distinct).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        var found = await Task.WhenAll(
            distinct.Select((id, i) => TakeAsync(id, loaded[i], cancellationToken).AsTask())).ConfigureAwait(false);
        return found.OfType<Entity<TState>>().ToDictionary(entity => entity.Id, StringComparer.Ordinal);
    }

    public Task<long> SetAsync(string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => SetAsync(id, state, parts.Options.WriteStrategy, expectedVersion, cancellationToken);

    public async Task<long> SetAsync(
        string id, TState state, WriteStrategy strategy, long? expectedVersion, CancellationToken cancellationToken)
    {
        CheckId(id);
        ArgumentNullException.ThrowIfNull(state);
        cancellationToken.ThrowIfCancellationRequested();

        // Before anything is awaited: the caller may change the state from then on.
        var payload = parts.Codec.Encode(id, state);
        var put = new LaneOperation<TState>(
            id, ChangeKind.Set, null, payload, expectedVersion, parts.Time.GetTimestamp(), cancellationToken);
        await ChangeAsync(put, strategy, cancellationToken).ConfigureAwait(false);
        return put.Acknowledged.Version;
    }

    public Task<Entity<TState>?> UpdateAsync(string id, Func<TState?, TState?> change, CancellationToken cancellationToken = default)
        => UpdateAsync(id, change, parts.Options.WriteStrategy, cancellationToken);

    public Task<Entity<TState>?> UpdateAsync(
        string id, Func<TState?, TState?> change, WriteStrategy strategy, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        return ChangeAsync(id, ChangeKind.Update, change, strategy, expectedVersion: null, cancellationToken);
    }

    public Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => DeleteAsync(id, parts.Options.WriteStrategy, expectedVersion, cancellationToken);

    public Task DeleteAsync(string id, WriteStrategy strategy, long? expectedVersion, CancellationToken cancellationToken)
        => ChangeAsync(id, ChangeKind.Delete, null, strategy, expectedVersion, cancellationToken);

    public Task<OperationAnswer> SetAsync(
        string id, string operation, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => SetAsync(id, operation, state, parts.Options.WriteStrategy, expectedVersion, cancellationToken);

    public Task<OperationAnswer> SetAsync(
        string id, string operation, TState state, WriteStrategy strategy, long? expectedVersion, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        CheckId(id);

        // Before anything is awaited, as above.
        var payload = parts.Codec.Encode(id, state);
        return OnceAsync(id, operation, ChangeKind.Set, null, payload, null, strategy, expectedVersion, cancellationToken);
    }

    public Task<OperationAnswer> UpdateAsync(
        string id,
        string operation,
        Func<TState?, TState?> change,
        Func<TState?, ReadOnlyMemory<byte>>? result = null,
        CancellationToken cancellationToken = default)
        => UpdateAsync(id, operation, change, result, parts.Options.WriteStrategy, cancellationToken);

    public Task<OperationAnswer> UpdateAsync(
        string id,
        string operation,
        Func<TState?, TState?> change,
        Func<TState?, ReadOnlyMemory<byte>>? result,
        WriteStrategy strategy,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        return OnceAsync(id, operation, ChangeKind.Update, change, null, result, strategy, null, cancellationToken);
    }

    public Task<OperationAnswer> DeleteAsync(
        string id, string operation, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => DeleteAsync(id, operation, parts.Options.WriteStrategy, expectedVersion, cancellationToken);

    public Task<OperationAnswer> DeleteAsync(
        string id, string operation, WriteStrategy strategy, long? expectedVersion, CancellationToken cancellationToken)
        => OnceAsync(id, operation, ChangeKind.Delete, null, null, null, strategy, expectedVersion, cancellationToken);

    public Task FlushAsync(string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        CheckId(id);
        return _waiter.FlushAsync(id, timeout ?? FlushQueue.DefaultTimeout, cancellationToken);
    }

    public Task<bool> EvictAsync(string id, CancellationToken cancellationToken = default)
    {
        CheckId(id);
        return parts.Buffer.EvictAsync(id, cancellationToken);
    }

    public IEntityStore<TState> With(WriteStrategy strategy)
    {
        if (!Enum.IsDefined(strategy))
        {
            throw new ArgumentOutOfRangeException(nameof(strategy), strategy, "Use Behind or Through.");
        }

        return strategy == parts.Options.WriteStrategy ? this : new StrategyStore<TState>(this, strategy);
    }

    public IEntitySession<TState> OpenSession(string id)
    {
        CheckId(id);
        return new EntitySession<TState>(id, parts, loader, writer, _waiter, wheel);
    }

    private async Task<OperationAnswer> OnceAsync(
        string id,
        string operation,
        ChangeKind kind,
        Func<TState?, TState?>? change,
        byte[]? payload,
        Func<TState?, ReadOnlyMemory<byte>>? result,
        WriteStrategy strategy,
        long? expectedVersion,
        CancellationToken cancellationToken)
    {
        CheckId(id);
        cancellationToken.ThrowIfCancellationRequested();
        var terms = new OperationTerms<TState>(
            Type, id, OperationKey.Parse(Type, id, operation), result, parts.Options.MaxOperationResultBytes);
        var once = new LaneOperation<TState>(
            id, kind, change, payload, expectedVersion, parts.Time.GetTimestamp(), cancellationToken, terms);
        await ChangeAsync(once, strategy, cancellationToken).ConfigureAwait(false);
        return once.Answer;
    }

    private async Task<Entity<TState>?> ChangeAsync(
        string id,
        ChangeKind kind,
        Func<TState?, TState?>? change,
        WriteStrategy strategy,
        long? expectedVersion,
        CancellationToken cancellationToken)
    {
        CheckId(id);
        cancellationToken.ThrowIfCancellationRequested();
        var operation = new LaneOperation<TState>(id, kind, change, null, expectedVersion, parts.Time.GetTimestamp(), cancellationToken);
        return await ChangeAsync(operation, strategy, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Entity<TState>?> ChangeAsync(
        LaneOperation<TState> operation, WriteStrategy strategy, CancellationToken cancellationToken)
    {
        var id = operation.Id;
        using var activity = parts.Traces.Begin(id);
        while (!_lanes.GetOrAdd(id, static (key, store) => store.NewLane(key), this).TryEnqueue(operation))
        {
            // The lane retired between the look-up and the call; it has left the dictionary.
        }

        var written = await operation.Done.WaitAsync(cancellationToken).ConfigureAwait(false);
        parts.Traces.Note(id, activity);
        if (strategy == WriteStrategy.Through)
        {
            // Of a repeat nothing is known but its version, and it is saved where all that is there is.
            await (operation.Answer.IsRepeat
                ? _waiter.FlushAsync(id, parts.Options.WriteThroughTimeout, cancellationToken)
                : _waiter.WriteThroughAsync(id, operation.Acknowledged, cancellationToken)).ConfigureAwait(false);
        }

        return written;
    }

    private EntityLane<TState> NewLane(string id)
        => new(id, parts, loader, writer, _retire ??= lane => _lanes.TryRemove(new(lane.Id, lane)));

    private async ValueTask<Entity<TState>?> TakeAsync(string id, LoadedEntity<TState> loaded, CancellationToken cancellationToken)
    {
        parts.Metrics.Loaded(loaded.FromDatabase);
        if (loaded.State is null)
        {
            return null;
        }

        if (loaded.FromDatabase && parts.Options.AfterFlush == AfterFlush.Keep)
        {
            await FillAsync(id, loaded).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        return new Entity<TState>(id, loaded.Known.Version, loaded.State);
    }

    private async Task FillAsync(string id, LoadedEntity<TState> loaded)
    {
        try
        {
            await parts.Buffer.FillAsync(
                id, loaded.Known, parts.Codec.Encode(id, loaded.State!), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BufferUnavailableException or PayloadException)
        {
            // The caller has its answer. The entry would have spared the next caller a query.
        }
    }

    private void CheckId(string id)
    {
        Names.CheckId(Type, id);
        if (parts.Sink.CheckId(id) is { } reason)
        {
            throw new InvalidEntityIdException(Type, id, reason);
        }
    }
}

/// <summary>The front of an entity type with another write strategy than the type's.</summary>
internal sealed class StrategyStore<TState>(EntityStore<TState> store, WriteStrategy strategy) : IEntityStore<TState>
    where TState : class
{
    public string Type => store.Type;

    public Task<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default)
        => store.GetAsync(id, cancellationToken);

    public Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(
        IEnumerable<string> ids, CancellationToken cancellationToken = default)
        => store.GetManyAsync(ids, cancellationToken);

    public Task<long> SetAsync(string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => store.SetAsync(id, state, strategy, expectedVersion, cancellationToken);

    public Task<Entity<TState>?> UpdateAsync(string id, Func<TState?, TState?> change, CancellationToken cancellationToken = default)
        => store.UpdateAsync(id, change, strategy, cancellationToken);

    public Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => store.DeleteAsync(id, strategy, expectedVersion, cancellationToken);

    public Task<OperationAnswer> SetAsync(
        string id, string operation, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => store.SetAsync(id, operation, state, strategy, expectedVersion, cancellationToken);

    public Task<OperationAnswer> UpdateAsync(
        string id,
        string operation,
        Func<TState?, TState?> change,
        Func<TState?, ReadOnlyMemory<byte>>? result = null,
        CancellationToken cancellationToken = default)
        => store.UpdateAsync(id, operation, change, result, strategy, cancellationToken);

    public Task<OperationAnswer> DeleteAsync(
        string id, string operation, long? expectedVersion = null, CancellationToken cancellationToken = default)
        => store.DeleteAsync(id, operation, strategy, expectedVersion, cancellationToken);

    public Task FlushAsync(string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
        => store.FlushAsync(id, timeout, cancellationToken);

    public Task<bool> EvictAsync(string id, CancellationToken cancellationToken = default) => store.EvictAsync(id, cancellationToken);

    public IEntitySession<TState> OpenSession(string id) => store.OpenSession(id);

    public IEntityStore<TState> With(WriteStrategy strategy) => store.With(strategy);
}
