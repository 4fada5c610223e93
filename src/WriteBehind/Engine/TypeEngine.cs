using System.Diagnostics.Metrics;
using WriteBehind.Buffer;
using WriteBehind.Flushing;
using WriteBehind.Writing;

namespace WriteBehind.Engine;

/// <summary>Everything that serves one entity type, put together.</summary>
internal sealed class TypeEngine<TState> : ITypeEngine, IWriteSignals
    where TState : class
{
    private static readonly TimeSpan ShortestRound = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(1);

    private readonly TypeParts<TState> _parts;
    private readonly EntityTypeOptions _options;
    private readonly EntityLoader<TState> _loader;
    private readonly EntityWriter _writer;
    private readonly CircuitBreaker _breaker;
    private readonly Sweeper _sweeper;
    private readonly TypeRecord _record;
    private readonly EntityStore<TState> _store;

    /// <summary>What was counted last in each shard; null before the first time.</summary>
    private ShardBacklog?[] _counted;

    public TypeEngine(EntityTypeOptions<TState> options, EngineParts engine)
    {
        _options = options;
        _counted = new ShardBacklog?[options.Shards];
        _parts = new TypeParts<TState>(options, engine);
        _record = new TypeRecord(engine.Redis, _parts.Buffer, options);
        _breaker = new CircuitBreaker(engine.Options.BackoffStart, engine.Options.BackoffCap, engine.Time);
        Letters = new DeadLetterBox(engine.Redis, _parts.Buffer.Keys, options, _parts.Metrics, engine.Time, _parts.Logger);

        var flusher = new BatchFlusher<TState>(_parts, Letters, _breaker);
        _sweeper = new Sweeper(_parts, flusher);
        var queue = new FlushQueue(flusher, _parts);
        Notifier = options.NotifyFlush ? new FlushNotifier(options, queue, engine) : null;

        _loader = new EntityLoader<TState>(_parts);
        _writer = new EntityWriter(_parts, signals: this);
        _store = new EntityStore<TState>(_parts, _loader, _writer, queue);
        ObserveBacklog(engine.Meter.Meter);
    }

    public EntityTypeOptions Options => _options;

    public object Store => _store;

    public DeadLetterBox Letters { get; }

    public FlushNotifier? Notifier { get; }

    public TypeStatus Status
    {
        get
        {
            var backlog = LastBacklog;
            return new TypeStatus(
                _options.Type,
                backlog.Dirty,
                backlog.OldestAge,
                _options.MaxAge,
                _options.MaxDirty,
                backlog.Dead,
                _breaker.State,
                _breaker.LastError,
                _parts.Metrics.Counters, _parts.Metrics.Rates);
        }
    }

    public Task<bool> CheckEpochAsync(CancellationToken cancellationToken) => _record.CheckAsync(cancellationToken);

    public async Task<string> VerifySinkAsync(CancellationToken cancellationToken)
    {
        await _parts.Sink.VerifyAsync(cancellationToken).ConfigureAwait(false);
        return _parts.Sink.Description;
    }

    public async Task<TimeSpan> SweepAsync(CancellationToken cancellationToken)
    {
        // Four looks per delay: an entity waits a quarter longer than its delay at most.
        var round = TimeSpan.FromTicks(Math.Clamp(_options.FlushDelay.Ticks / 4, ShortestRound.Ticks, LongestRound.Ticks));
        if (_breaker.Wait > TimeSpan.Zero)
        {
            return round;
        }

        var pass = new SweepPass();
        await _sweeper.RunAsync(
            pass, _options.FlushDelay, until: null, force: false, SweepPart.All, cancellationToken).ConfigureAwait(false);
        return pass.IsCutShort ? TimeSpan.Zero : round;
    }

    public Task FlushAsync(SweepPass pass, long[] until, bool force, CancellationToken cancellationToken)
        => _sweeper.RunAsync(pass, TimeSpan.Zero, until, force, SweepPart.All, cancellationToken);

    public Task FlushAsync(string id, TimeSpan? timeout, CancellationToken cancellationToken)
        => _store.FlushAsync(id, timeout, cancellationToken);

    public async Task<SweepPass> SweepAsync(SweepPart part, TimeSpan? minAge, CancellationToken cancellationToken)
    {
        // Owners that keep their entities in memory flush them after FlushDelay; what is much older has no such owner (any more).
        var age = minAge ?? (_options.MaxAge / 2 > _options.FlushDelay ? _options.MaxAge / 2 : _options.FlushDelay);
        var pass = new SweepPass();
        if (_breaker.Wait <= TimeSpan.Zero)
        {
            await _sweeper.RunAsync(pass, age, until: null, force: false, part, cancellationToken).ConfigureAwait(false);
        }

        return pass;
    }

    public async Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken)
    {
        BufferUnavailableException? failure = null;
        var shards = await Task.WhenAll(Enumerable.Range(0, _options.Shards).Select(CountShardAsync)).ConfigureAwait(false);
        var last = Volatile.Read(ref _counted);
        if (until is null)
        {
            Volatile.Write(ref _counted, [.. shards.Select((shard, i) => shard ?? last[i])]);
        }

        return new TypeBacklog(
            shards, shards.Select((shard, i) => shard is null ? last[i]?.Dirty ?? 0 : 0).Sum(), Volatile.Read(ref failure));

        async Task<ShardBacklog?> CountShardAsync(int shard)
        {
            try
            {
                // A shard that has told no time yet (0) has everything to count.
                return await _parts.Buffer.BacklogAsync(
                    shard, until?[shard] is > 0 and var time ? time : null, cancellationToken).ConfigureAwait(false);
            }
            catch (BufferUnavailableException e)
            {
                Interlocked.CompareExchange(ref failure, e, null);
                return null;
            }
        }
    }

    public Task<bool> RetryAsync(string id, CancellationToken cancellationToken)
    {
        // Its cause is said to be mended, so it may travel with the others: thousands may be retried at once.
        _parts.Ledger.Forget(id);
        return Letters.RetryAsync(id, payload => RewriteAsync(id, payload), cancellationToken);
    }

    /// <inheritdoc />
    public void Acknowledged(string id)
    {
        _parts.Pressure.Room(id);

        // First the ledger: what was rejected may be tried at once, and the notice has it tried.
        _parts.Ledger.Revive(id);
        Notifier?.Notify(id);
    }

    /// <inheritdoc />
    public void Full(string id) => _parts.Pressure.Full(id);

    /// <inheritdoc />
    public void Stuck(string id) => _parts.Pressure.EnterStuck(id);

    /// <inheritdoc />
    public void Unstuck(string id) => _parts.Pressure.LeaveStuck(id);

    /// <summary>Writes the state of a fenced letter on top of what counts now.</summary>
    private async Task RewriteAsync(string id, byte[]? payload)
    {
        var known = (await _loader.LoadAsync(id).ConfigureAwait(false)).Known;
        var reply = await _writer.WriteAsync(id, known, payload).ConfigureAwait(false);
        if (reply.Status == WriteStatus.Ok)
        {
            return;
        }

        throw reply.Status switch
        {
            WriteStatus.Full => new BufferFullException(_options.Type, id, _options.MaxDirty),
            _ => new WriteConflictException(_options.Type, id, known.Version, reply.Known.Version),
        };
    }

    private Backlog LastBacklog
    {
        get
        {
            var shards = Volatile.Read(ref _counted);
            return new Backlog(shards.Sum(s => s?.Dirty ?? 0), shards.Sum(s => s?.Dead ?? 0), shards.Max(s => s?.OldestAge));
        }
    }

    private void ObserveBacklog(Meter meter)
    {
        KeyValuePair<string, object?>[] tags = [new(WriteBehindDiagnostics.TypeTag, _options.Type)];
        meter.CreateObservableGauge(WriteBehindDiagnostics.Dirty, () => new Measurement<long>(LastBacklog.Dirty, tags), "{entity}");
        meter.CreateObservableGauge(WriteBehindDiagnostics.DeadLetters, () => new Measurement<long>(LastBacklog.Dead, tags), "{entity}");
        meter.CreateObservableGauge(
            WriteBehindDiagnostics.OldestDirtyAge, () => new Measurement<double>(LastBacklog.OldestAge?.TotalSeconds ?? 0, tags), "s");
        meter.CreateObservableGauge(WriteBehindDiagnostics.Breaker, () => new Measurement<int>((int)_breaker.State, tags));
    }

    private sealed record Backlog(long Dirty, long Dead, TimeSpan? OldestAge);
}

/// <summary>Everything that serves one entity type, for those who need not know its state type.</summary>
internal interface ITypeEngine
{
    EntityTypeOptions Options { get; }

    /// <summary>The <see cref="IEntityStore{TState}"/>.</summary>
    object Store { get; }

    DeadLetterBox Letters { get; }

    /// <summary>Has writes flushed at once; null where that is not wanted.</summary>
    FlushNotifier? Notifier { get; }

    /// <summary>The backlog as last counted.</summary>
    TypeStatus Status { get; }

    /// <summary>Records the type in Redis, or checks what is recorded; false where Redis came back empty.</summary>
    Task<bool> CheckEpochAsync(CancellationToken cancellationToken);

    /// <summary>Checks table and columns; returns how the type is saved, for the log.</summary>
    Task<string> VerifySinkAsync(CancellationToken cancellationToken);

    /// <summary>Flushes what is due, once; returns the pause until the next round.</summary>
    Task<TimeSpan> SweepAsync(CancellationToken cancellationToken);

    /// <summary>Flushes what is due in a part of the shards, once; nothing while the circuit breaker is open.</summary>
    Task<SweepPass> SweepAsync(SweepPart part, TimeSpan? minAge, CancellationToken cancellationToken);

    /// <summary>Flushes what is dirty up to the given Redis time of each shard (0: nothing).</summary>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away; what the rest of it holds was flushed.</exception>
    Task FlushAsync(SweepPass pass, long[] until, bool force, CancellationToken cancellationToken);

    /// <summary>Flushes one entity, as <see cref="IEntityStore{TState}.FlushAsync"/> does.</summary>
    Task FlushAsync(string id, TimeSpan? timeout, CancellationToken cancellationToken);

    /// <summary>
    /// Counts what waits, per shard. Where Redis or a part of it is away the result says so, and only a cancellation is thrown.
    /// </summary>
    Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken);

    /// <summary>Makes a dead entity dirty again.</summary>
    Task<bool> RetryAsync(string id, CancellationToken cancellationToken);
}
