using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;
using WriteBehind.Redis;

namespace WriteBehind.Writing;

/// <summary>
/// Loads the latest acknowledged state: from Redis, else from the database. Loads of one entity at a time share one query, loads of
/// different entities are batched, and the number of queries at the database is bounded.
/// </summary>
internal sealed class EntityLoader<TState>
    where TState : class
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Two queries at a time, so that each has more rows: a query for one costs PostgreSQL and EF Core nearly as much as one for twenty.
    /// (Measured: docs/performance.md.) More only where both take longer than this.
    /// </summary>
    private const int EagerQueries = 2;

    /// <inheritdoc cref="EagerQueries" />
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(20);

    /// <summary>How often a row that is older than what was settled is asked for again: over about two seconds.</summary>
    private const int Repeats = 3;

    private readonly EntityBuffer _buffer;
    private readonly PayloadCodec<TState> _codec;
    private readonly IEntitySink<TState> _sink;
    private readonly EntityTypeOptions _options;
    private readonly LoadGate _gate;
    private readonly TimeSpan _readTimeout;
    private readonly TypeMetrics _metrics;
    private readonly Action _recheckKept;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly GroupBatcher<string, RowReply> _rows;
    private readonly GroupBatcher<string, RowReply> _rowsAgain;
    private readonly GroupBatcher<string, StoredVersion?> _versions;
    private readonly GroupBatcher<string, StoredVersion?> _versionsAgain;

    public EntityLoader(TypeParts<TState> parts)
    {
        (_buffer, _codec, _sink, _options) = (parts.Buffer, parts.Codec, parts.Sink, parts.Options);
        (_gate, _time, _readTimeout) = (new LoadGate(parts.Options, parts.Engine), parts.Time, parts.Engine.Options.WriteTimeout);
        (_metrics, _logger, _recheckKept) = (parts.Metrics, parts.Logger, () => parts.RecheckKept());

        // More than one query of the type under way, or one that hangs would hold up all its loads. Those of all types are bounded
        // together.
        var most = parts.Engine.ShareOf(parts.Engine.Options.MaxConcurrentLoads);
        _rows = Batcher<RowReply>(ids => LoadRowsAsync(ids, _sink.LoadAsync));
        _versions = Batcher<StoredVersion?>(ids => LoadVersionsAsync(ids, _sink.LoadVersionsAsync));

        // What seemed older than what was settled is asked for elsewhere, and by itself: others need no second connection.
        _rowsAgain = new(ids => LoadRowsAsync(ids, _sink.LoadAgainAsync), _options.BatchSize, static _ => 0, int.MaxValue);
        _versionsAgain = new(ids => LoadVersionsAsync(ids, _sink.LoadVersionsAgainAsync), _options.BatchSize, static _ => 0, int.MaxValue);

        GroupBatcher<string, TReply> Batcher<TReply>(Func<IReadOnlyList<string>, Task<IReadOnlyList<TReply>>> load) => new(
            load, _options.BatchSize, static _ => 0, int.MaxValue, most, eager: EagerQueries, patience: Patience);
    }

    /// <exception cref="PayloadException">The buffered payload can't be read.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    /// <exception cref="SinkException">The database is away, or can't load.</exception>
    /// <exception cref="StaleRowException">The row is older than what was settled, as often as it was asked for.</exception>
    public async Task<LoadedEntity<TState>> LoadAsync(string id)
    {
        for (var attempt = 1; ; attempt++)
        {
            var buffered = await ReadAsync(id).ConfigureAwait(false);
            if (buffered.IsCurrent)
            {
                return FromBuffer(id, buffered);
            }

            var reply = await (attempt == 1 ? _rows : _rowsAgain).SendAsync(id).ConfigureAwait(false);
            if (reply.Error is not null || !IsStale(id, buffered, reply.Row?.Version, attempt))
            {
                return FromRow(id, buffered, reply);
            }

            await Task.Delay(PauseBeforeAsking(attempt), _time).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Loads many, in the order of the ids, which differ: one round trip per shard, then one query for each batch of what Redis does not
    /// have.
    /// </summary>
    /// <exception cref="PayloadException">A buffered payload can't be read.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    /// <exception cref="SinkException">The database is away, or can't load one of them.</exception>
    /// <exception cref="StaleRowException">The row of one of them is older than what was settled.</exception>
    public async Task<LoadedEntity<TState>[]> LoadManyAsync(IReadOnlyList<string> ids)
    {
        var buffered = await ReadManyAsync(ids).ConfigureAwait(false);
        string[] missing = [.. ids.Where((_, i) => !buffered[i].IsCurrent)];
        var rows = new Queue<RowReply>(missing.Length > 0 ? await _rows.SendManyAsync(missing).ConfigureAwait(false) : []);
        var loaded = new LoadedEntity<TState>[ids.Count];
        for (var i = 0; i < loaded.Length; i++)
        {
            if (buffered[i].IsCurrent)
            {
                loaded[i] = FromBuffer(ids[i], buffered[i]);
                continue;
            }

            // The rare one whose row seems older than what was settled is asked for once more by itself.
            var row = rows.Dequeue();
            loaded[i] = row.Error is null && !buffered[i].IsBuffered && buffered[i].IsAheadOf(row.Row?.Version)
                ? await LoadAsync(ids[i]).ConfigureAwait(false)
                : FromRow(ids[i], buffered[i], row);
        }

        return loaded;
    }

    /// <summary>Loads all but the state, which is not even read: for a put or delete, which an unreadable state must not stop.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="needsPresence">Whether it matters that the entity exists, and not only its version.</param>
    /// <param name="expected">A version that the caller was told. The fence is not asked for another one: others may have raised the
    /// row.</param>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    /// <exception cref="SinkException">The database is away, or can't load.</exception>
    /// <exception cref="StaleRowException">The row is older than what was settled, and its presence matters.</exception>
    public async Task<LoadedVersion> LoadVersionAsync(string id, bool needsPresence, long? expected = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            var buffered = await ReadAsync(id).ConfigureAwait(false);
            var known = buffered.Known;
            if (buffered.IsCurrent)
            {
                return new(known, Exists: buffered.Payload is not null, FromDatabase: false);
            }

            var isFence = known.Version > 0 && !buffered.IsBuffered && !buffered.IsOld;
            if (isFence && !needsPresence && (expected ?? known.Version) == known.Version)
            {
                // The fence is the version of what was flushed last, which is all a put needs. Whether that was a delete it does not say.
                return new(known, Exists: true, FromDatabase: false);
            }

            var row = await (attempt == 1 ? _versions : _versionsAgain).SendAsync(id).ConfigureAwait(false);
            if (buffered.IsBuffered)
            {
                var isNewer = row?.Version > known.Version;
                return new(known.OnTopOf(row?.Version), Exists: isNewer || buffered.Payload is not null, FromDatabase: isNewer);
            }

            if (!needsPresence || !IsStale(id, buffered, row?.Version, attempt))
            {
                return new(known.OnTopOf(row?.Version), Exists: row is not null, FromDatabase: true);
            }

            await Task.Delay(PauseBeforeAsking(attempt), _time).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Whether the row is to be asked for again, as it is older than what was settled. Another connection may lead to another server.
    /// </summary>
    /// <exception cref="StaleRowException">It was asked for often enough.</exception>
    private bool IsStale(string id, BufferedEntity fence, long? row, int attempt)
    {
        if (!fence.IsAheadOf(row) || fence.IsBuffered)
        {
            return false;
        }

        if (attempt <= Repeats)
        {
            return true;
        }

        _metrics.StaleRow();
        _recheckKept();
        FlushLog.StaleRow(_logger, _options.Type, id, fence.Known.Version, row ?? 0);
        throw new StaleRowException(_options.Type, id, fence.Known.Version, row);
    }

    private static TimeSpan PauseBeforeAsking(int attempt) => TimeSpan.FromMilliseconds(25 << (2 * attempt));

    private LoadedEntity<TState> FromBuffer(string id, BufferedEntity buffered)
        => new(buffered.Known, buffered.Payload is { } payload ? _codec.Decode(id, payload) : null, FromDatabase: false, buffered.IsClean);

    private LoadedEntity<TState> FromRow(string id, BufferedEntity buffered, RowReply reply)
    {
        if (reply.Error is not null)
        {
            ExceptionDispatchInfo.Throw(reply.Error);
        }

        if (buffered.IsBuffered && !(reply.Row?.Version > buffered.Known.Version))
        {
            // Of before Redis went back, and not saved yet: nothing newer is known.
            return FromBuffer(id, buffered);
        }

        return new(buffered.Known.OnTopOf(reply.Row?.Version), reply.Row?.State, FromDatabase: true, IsClean: true);
    }

    private async Task<BufferedEntity[]> ReadManyAsync(IReadOnlyList<string> ids)
    {
        BufferedEntity[] buffered;
        try
        {
            buffered = await AskRedisAsync(() => _buffer.ReadManyAsync(ids)).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            throw new BufferUnavailableException(
                $"{ids.Count} entities of {_options.Type} can't be read. {e.Message}", outcomeUnknown: false, _options.Type, cause: e);
        }

        return [.. buffered.Select((entity, i) => Readable(ids[i], entity))];
    }

    private async Task<BufferedEntity> ReadAsync(string id)
    {
        BufferedEntity buffered;
        try
        {
            buffered = await AskRedisAsync(() => _buffer.ReadAsync(id)).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            // Only a read got lost: whatever the caller was about to write was not sent, so its outcome is known.
            throw new BufferUnavailableException(
                $"{_options.Type} '{id}' can't be read. {e.Message}", outcomeUnknown: false, _options.Type, id, e);
        }

        return Readable(id, buffered);
    }

    private BufferedEntity Readable(string id, BufferedEntity buffered)
        => buffered.Error is null ? buffered : throw new BufferUnavailableException(
        $"{_options.Type} '{id}' can't be read: its Redis key holds something that this library did not write ({buffered.Error}). Remove " +
        "it, or use another KeyPrefix.",
        entityType: _options.Type,
        entityId: id);

    private async Task<IReadOnlyList<RowReply>> LoadRowsAsync(IReadOnlyList<string> ids, LoadRows load)
    {
        var replies = await AskAsync(ids, async (distinct, cancellationToken) =>
        {
            var found = new Dictionary<string, RowReply>(StringComparer.Ordinal);
            await LoadPartAsync(distinct, found, load, cancellationToken).ConfigureAwait(false);
            return found;
        }).ConfigureAwait(false);
        return [.. ids.Select(id => replies.GetValueOrDefault(id))];
    }

    /// <summary>
    /// Halves what can't be loaded together, until the error is with the row that caused it: the others must not suffer for it.
    /// </summary>
    private async Task LoadPartAsync(
        ArraySegment<string> ids, Dictionary<string, RowReply> replies, LoadRows load, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var row in await load(ids, cancellationToken).ConfigureAwait(false))
            {
                replies.Add(row.Id, new RowReply(row, null));
            }
        }
        catch (Exception e) when (IsOfRow(e))
        {
            if (ids.Count == 1)
            {
                replies[ids[0]] = new RowReply(null, Name(ids[0], e));
                return;
            }

            await LoadPartAsync(ids[..(ids.Count / 2)], replies, load, cancellationToken).ConfigureAwait(false);
            await LoadPartAsync(ids[(ids.Count / 2)..], replies, load, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool IsOfRow(Exception error) => error is SinkException sink
        ? sink is { Failure: SinkFailure.Entity } or { Failure: SinkFailure.Statement, Code: ['5', ..] or ['X', 'X', ..] }
        : error is not (ConfigurationException or OperationCanceledException);

    private Exception Name(string id, Exception error)
        => error is WriteBehindException { EntityId: not null } ? error : new SinkException(
            SinkFailure.Entity,
            $"The row of {_options.Type} '{id}' can't be loaded: {error.Message} Correct the row, or put or delete the entity, which " +
            "does not read it.",
            (error as SinkException)?.Code,
            _options.Type,
            id,
            error);

    private async Task<IReadOnlyList<StoredVersion?>> LoadVersionsAsync(
        IReadOnlyList<string> ids, Func<string[], CancellationToken, Task<IReadOnlyList<StoredVersion>>> load)
    {
        var rows = await AskAsync(ids, load).ConfigureAwait(false);
        var byId = rows.ToDictionary(row => row.Id, StringComparer.Ordinal);
        return [.. ids.Select(id => byId.TryGetValue(id, out var row) ? row : (StoredVersion?)null)];
    }

    private Task<T> AskAsync<T>(IReadOnlyList<string> ids, Func<string[], CancellationToken, Task<T>> load)
        => _gate.RunAsync(cancellationToken => load([.. ids.Distinct(StringComparer.Ordinal)], cancellationToken));

    /// <summary>
    /// Asks again while a slot is being moved from one server of a cluster to another, key by key, or another server becomes master.
    /// </summary>
    private async Task<T> AskRedisAsync<T>(Func<Task<T>> read)
    {
        var started = _time.GetTimestamp();
        for (var pause = FirstPause; ; pause = Pauses.Longer(pause, LongestPause))
        {
            try
            {
                return await read().ConfigureAwait(false);
            }
            catch (BufferUnavailableException e) when (RedisErrors.IsOfMove(e) && _time.GetElapsedTime(started) + pause < _readTimeout)
            {
                // It takes milliseconds for each key of a slot, and about a second to find a new master.
            }

            await Task.Delay(pause, _time).ConfigureAwait(false);
        }
    }

    /// <summary>One of the sink's two ways to load rows.</summary>
    private delegate Task<IReadOnlyList<StoredRow<TState>>> LoadRows(IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>A row, nothing where there is none, or why it can't be read.</summary>
    private readonly record struct RowReply(StoredRow<TState>? Row, Exception? Error);
}

/// <summary>An entity as it was loaded, with the knowledge a write on top of it needs.</summary>
/// <param name="Known">The current version, stamped.</param>
/// <param name="State">The state; null where there is none.</param>
/// <param name="FromDatabase">Whether Redis did not have it.</param>
/// <param name="IsClean">Whether the database has it.</param>
internal readonly record struct LoadedEntity<TState>(Knowledge Known, TState? State, bool FromDatabase, bool IsClean = false)
    where TState : class;

/// <summary>What a put or delete needs to know of an entity: everything but its state.</summary>
/// <param name="Known">The current version, stamped.</param>
/// <param name="Exists">Whether there is a state.</param>
/// <param name="FromDatabase">Whether Redis did not have it.</param>
internal readonly record struct LoadedVersion(Knowledge Known, bool Exists, bool FromDatabase);
