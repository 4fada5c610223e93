using System.Collections.Concurrent;
using WriteBehind.Buffer;
using WriteBehind.Writing;

namespace WriteBehind.Testing;

/// <summary>The typed front of one entity type. Changes of one entity come one after the other, as in the real engine's lanes.</summary>
internal sealed class MemoryStore<TState> : IEntityStore<TState>
    where TState : class
{
    private readonly MemoryType<TState> _type;
    private readonly WriteStrategy _strategy;
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _lanes;

    public MemoryStore(MemoryType<TState> type, WriteStrategy strategy)
        : this(type, strategy, new(StringComparer.Ordinal))
    {
    }

    private MemoryStore(MemoryType<TState> type, WriteStrategy strategy, ConcurrentDictionary<string, SemaphoreSlim> lanes)
        => (_type, _strategy, _lanes) = (type, strategy, lanes);

    public string Type => _type.Options.Type;

    public async Task<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default)
    {
        _type.CheckId(id);
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        return Get(id);
    }

    public async Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(
        IEnumerable<string> ids, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        string[] distinct = [.. ids.Distinct(StringComparer.Ordinal)];
        Array.ForEach(distinct, _type.CheckId);
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        return distinct.Select(Get).OfType<Entity<TState>>().ToDictionary(static entity => entity.Id, StringComparer.Ordinal);
    }

    public async Task<long> SetAsync(
        string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var put = Change(id, ChangeKind.Set, null, state, expectedVersion, cancellationToken);
        await RunAsync(put, cancellationToken).ConfigureAwait(false);
        return put.Acknowledged.Version;
    }

    public async Task<Entity<TState>?> UpdateAsync(
        string id, Func<TState?, TState?> change, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        var update = Change(id, ChangeKind.Update, change, null, null, cancellationToken);
        return await RunAsync(update, cancellationToken).ConfigureAwait(false);
    }

    public async Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default)
    {
        var delete = Change(id, ChangeKind.Delete, null, null, expectedVersion, cancellationToken);
        await RunAsync(delete, cancellationToken).ConfigureAwait(false);
    }

    public async Task<OperationAnswer> SetAsync(
        string id, string operation, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var put = Change(id, ChangeKind.Set, null, state, expectedVersion, cancellationToken, Terms(id, operation, null));
        return await OnceAsync(put, cancellationToken).ConfigureAwait(false);
    }

    public async Task<OperationAnswer> UpdateAsync(
        string id,
        string operation,
        Func<TState?, TState?> change,
        Func<TState?, ReadOnlyMemory<byte>>? result = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        var update = Change(id, ChangeKind.Update, change, null, null, cancellationToken, Terms(id, operation, result));
        return await OnceAsync(update, cancellationToken).ConfigureAwait(false);
    }

    public async Task<OperationAnswer> DeleteAsync(
        string id, string operation, long? expectedVersion = null, CancellationToken cancellationToken = default)
    {
        var delete = Change(id, ChangeKind.Delete, null, null, expectedVersion, cancellationToken, Terms(id, operation, null));
        return await OnceAsync(delete, cancellationToken).ConfigureAwait(false);
    }

    public async Task FlushAsync(string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        _type.CheckId(id);
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        _type.Flusher.FlushOrThrow(id);
    }

    public async Task<bool> EvictAsync(string id, CancellationToken cancellationToken = default)
    {
        _type.CheckId(id);
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        return _type.Evict(id);
    }

    public IEntityStore<TState> With(WriteStrategy strategy)
    {
        if (!Enum.IsDefined(strategy))
        {
            throw new ArgumentOutOfRangeException(nameof(strategy), strategy, "Use Behind or Through.");
        }

        return strategy == _strategy ? this : new MemoryStore<TState>(_type, strategy, _lanes);
    }

    public IEntitySession<TState> OpenSession(string id)
    {
        _type.CheckId(id);
        return new MemorySession<TState>(id, _type);
    }

    private OperationTerms<TState> Terms(string id, string operation, Func<TState?, ReadOnlyMemory<byte>>? result)
    {
        _type.CheckId(id);
        return new(Type, id, OperationKey.Parse(Type, id, operation), result, _type.Options.MaxOperationResultBytes);
    }

    /// <summary>A change, with what a put stores as it is at the call.</summary>
    private LaneOperation<TState> Change(
        string id,
        ChangeKind kind,
        Func<TState?, TState?>? change,
        TState? state,
        long? expectedVersion,
        CancellationToken cancellationToken,
        OperationTerms<TState>? operation = null)
    {
        _type.CheckId(id);
        cancellationToken.ThrowIfCancellationRequested();
        return new(
            id,
            kind,
            change,
            state is null ? null : _type.Codec.Encode(id, state),
            expectedVersion,
            _type.Servers.Time.GetTimestamp(),
            cancellationToken,
            operation);
    }

    private async Task<OperationAnswer> OnceAsync(LaneOperation<TState> change, CancellationToken cancellationToken)
    {
        await RunAsync(change, cancellationToken).ConfigureAwait(false);
        return change.Answer;
    }

    private async Task<Entity<TState>?> RunAsync(LaneOperation<TState> change, CancellationToken cancellationToken)
    {
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        var lane = _lanes.GetOrAdd(change.Id, static _ => new SemaphoreSlim(1));
        await lane.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            Carry(change);
        }
        finally
        {
            lane.Release();
        }

        var written = await change.Done.ConfigureAwait(false);
        if (_strategy == WriteStrategy.Through && change.Answer.IsRepeat)
        {
            _type.Flusher.FlushOrThrow(change.Id);
        }
        else if (_strategy == WriteStrategy.Through)
        {
            _type.Flusher.WriteThrough(change.Id, change.Acknowledged);
        }

        return written;
    }

    private void Carry(LaneOperation<TState> change)
    {
        try
        {
            for (var refusals = 0; !TryCarry(change, refusals); refusals++)
            {
                // What it went on from does not count any more.
            }
        }
        catch (Exception e) when (e is not BufferUnavailableException)
        {
            _type.Metrics.DatabaseNeeded(e is SinkException ? 1 : 0);

            // What took effect once is not refused later.
            if (!TryRepeat(change))
            {
                throw;
            }
        }
    }

    /// <summary>One try; false where a fresh look may help.</summary>
    private bool TryCarry(LaneOperation<TState> change, int refusals)
    {
        var (id, options) = (change.Id, _type.Options);
        var (known, state, exists) = LoadFor(change);
        if (change.ExpectedVersion is { } expected && (expected != known.Version || (expected == 0 && exists)))
        {
            _type.Metrics.Conflict();
            throw new WriteConflictException(options.Type, id, expected, known.Version);
        }

        var after = change.Apply(new Content<TState>(state, null), _type.Codec);
        change.Changes = exists || !after.IsNone || change.Operation is not null ? 1 : 0;
        if (change.Changes == 0)
        {
            change.Acknowledge(known);
            return true;
        }

        var memos = change.Operation is null ? null : new[] { change.MemoAfter(known.Version) };
        var reply = _type.Write(id, known, after.Encode(_type.Codec, id), change.Changes, memos);
        switch (reply.Status)
        {
            case WriteStatus.Ok:
                _type.Metrics.BufferWrite();
                _type.Metrics.Acknowledged(change.StartedAt);
                change.Acknowledge(reply.Known);
                return true;
            case WriteStatus.Known:
                return TryRepeat(change);
            case WriteStatus.Full:
                _type.Metrics.Refused(1);
                throw new BufferFullException(options.Type, id, options.MaxDirty);
            case WriteStatus.Conflict:
                _type.Metrics.Conflict();
                return refusals < _type.Engine.MaxUpdateRetries
                    ? false
                    : throw new WriteConflictException(options.Type, id, known.Version, reply.Known.Version);
            default:
                return refusals < _type.Engine.MaxUpdateRetries ? false : throw UnconfirmedVersion.Error(options, id, refusals);
        }
    }

    private (Knowledge Known, TState? State, bool Exists) LoadFor(LaneOperation<TState> change)
    {
        if (change.NeedsState)
        {
            var loaded = _type.Load(change.Id);
            _type.Metrics.Loaded(loaded.FromDatabase);
            return (loaded.Known, loaded.State, loaded.State is not null);
        }

        var version = _type.LoadVersion(change.Id, change.NeedsPresence, change.ExpectedVersion);
        _type.Metrics.Loaded(version.FromDatabase);
        return (version.Known, null, version.Exists);
    }

    /// <summary>Answers an operation that took effect before; false where it is new, or no operation.</summary>
    /// <exception cref="WriteBehindException">It is neither known nor new.</exception>
    private bool TryRepeat(LaneOperation<TState> change)
    {
        if (change.Operation is not { } key)
        {
            return false;
        }

        var found = _type.FindOperations(change.Id, [key])[0];
        if (found.Memo is { } memo)
        {
            change.Repeat(memo);
            return true;
        }

        return found.IsNew ? false : throw found.Error(Type, change.Id, key);
    }

    private Entity<TState>? Get(string id)
    {
        var loaded = _type.Load(id);
        _type.Metrics.Loaded(loaded.FromDatabase);
        if (loaded.State is null)
        {
            return null;
        }

        if (loaded.FromDatabase && _type.Options.AfterFlush == AfterFlush.Keep)
        {
            _type.Fill(id, loaded);
        }

        return new Entity<TState>(id, loaded.Known.Version, loaded.State);
    }
}
