using System.Diagnostics.Metrics;
using WriteBehind.Buffer;
using WriteBehind.Flushing;
using WriteBehind.Writing;

namespace WriteBehind.Engine;

/// <summary>Everything that serves one entity type, put together.</summary>
internal sealed class TypeEngine<TState> : ITypeEngine
    where TState : class
{
    private static readonly TimeSpan ShortestRound = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(1);

    private readonly EntityTypeOptions<TState> _options;
    private readonly EntityBuffer _buffer;
    private readonly EntityLoader<TState> _loader;
    private readonly EntityWriter _writer;
    private readonly IEntitySink<TState> _sink;
    private readonly CircuitBreaker _breaker;
    private readonly RetryLedger _ledger;
    private readonly Sweeper _sweeper;
    private readonly TypeEpoch _epoch;
    private readonly TypeMetrics _metrics;
    private readonly EntityStore<TState> _store;

    /// <summary>What was counted last in each shard; null before the first time.</summary>
    private ShardBacklog?[] _counted;

    public TypeEngine(EntityTypeOptions<TState> options, EngineParts parts)
    {
        _options = options;
        _counted = new ShardBacklog?[options.Shards];
        var logger = parts.Loggers.CreateLogger($"WriteBehind.{options.Type}");
        _metrics = new TypeMetrics(parts.Meter, options.Type, parts.Time);
        _buffer = new EntityBuffer(parts.Redis, options, parts.Options, parts.Gate);
        _epoch = new TypeEpoch(parts.Redis, _buffer, options);
        _sink = parts.Sinks.Create(options);
        var pressure = new WritePressure(_buffer.Keys, parts.Time);
        _writer = new EntityWriter(_buffer, pressure, options, parts.Options, parts.Time, id => Notifier?.Notify(id));
        _breaker = new CircuitBreaker(parts.Options.BackoffStart, parts.Options.BackoffCap, parts.Time);
        Letters = new DeadLetterBox(parts.Redis, _buffer.Keys, options, _metrics, parts.Time, logger);

        var codec = new PayloadCodec<TState>(options);
        _loader = new EntityLoader<TState>(_buffer, codec, _sink, options, parts.Loads, parts.Options.MaxConcurrentLoads);
        _ledger = new RetryLedger(options.MaxAttempts, options.RetryDelay, parts.Time);
        var settler = new Settler(parts.Redis, _buffer, options, _metrics);
        var saver = new BatchSaver<TState>(_sink, options, _ledger, _metrics, parts.Time);
        var flusher = new BatchFlusher<TState>(
            _buffer, settler, codec, saver, Letters, _ledger, _breaker, options, _metrics, parts.Gate, parts.Flushes, logger);
        _sweeper = new Sweeper(_buffer, flusher, _ledger, options, parts.Time);
        var queue = new FlushQueue(flusher, options, parts.Options.MaxConcurrentFlushes);
        Notifier = options.NotifyFlush ? new FlushNotifier(options, queue, parts) : null;
        _store = new EntityStore<TState>(
            _buffer, _loader, _writer, codec, queue, _ledger, pressure, _sink, options, parts.Options, _metrics, parts.Time);
        ObserveBacklog(parts.Meter.Meter);
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
                _options.Type, backlog.Dirty, backlog.OldestAge, _options.MaxAge, _options.MaxDirty, backlog.Dead, _breaker.State, _breaker.LastError,
                _metrics.Counters, _metrics.Rates);
        }
    }

    public Task<bool> CheckEpochAsync(CancellationToken cancellationToken) => _epoch.CheckAsync(cancellationToken);

    public async Task<string> VerifySinkAsync(CancellationToken cancellationToken)
    {
        await _sink.VerifyAsync(cancellationToken).ConfigureAwait(false);
        return _sink.Description;
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
        await _sweeper.RunAsync(pass, _options.FlushDelay, until: null, force: false, SweepPart.All, cancellationToken).ConfigureAwait(false);
        return pass.IsCutShort ? TimeSpan.Zero : round;
    }

    public Task FlushAsync(SweepPass pass, long[] until, bool force, CancellationToken cancellationToken)
        => _sweeper.RunAsync(pass, TimeSpan.Zero, until, force, SweepPart.All, cancellationToken);

    public Task FlushAsync(string id, TimeSpan? timeout, CancellationToken cancellationToken) => _store.FlushAsync(id, timeout, cancellationToken);

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

        return new TypeBacklog(shards, shards.Select((shard, i) => shard is null ? last[i]?.Dirty ?? 0 : 0).Sum(), Volatile.Read(ref failure));

        async Task<ShardBacklog?> CountShardAsync(int shard)
        {
            try
            {
                // A shard that has told no time yet (0) has everything to count.
                return await _buffer.BacklogAsync(shard, until?[shard] is > 0 and var time ? time : null, cancellationToken).ConfigureAwait(false);
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
        _ledger.Forget(id);
        return Letters.RetryAsync(id, payload => RewriteAsync(id, payload), cancellationToken);
    }

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

    /// <summary>Counts what waits, per shard. Where Redis or a part of it is away the result says so, and only a cancellation is thrown.</summary>
    Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken);

    /// <summary>Makes a dead entity dirty again.</summary>
    Task<bool> RetryAsync(string id, CancellationToken cancellationToken);
}
