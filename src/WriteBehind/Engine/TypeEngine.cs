using System.Diagnostics.Metrics;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;
using WriteBehind.Writing;

namespace WriteBehind.Engine;

/// <summary>Everything that serves one entity type, put together.</summary>
internal sealed class TypeEngine<TState> : ITypeEngine, IWriteSignals
    where TState : class
{
    private static readonly TimeSpan ShortestRound = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(1);

    /// <summary>The most letters that are looked at for those that may have come right by themselves.</summary>
    private const int MostHealed = 10_000;

    private readonly TypeParts<TState> _parts;
    private readonly EntityTypeOptions _options;
    private readonly EntityLoader<TState> _loader;
    private readonly EntityWriter _writer;
    private readonly CircuitBreaker _breaker;
    private readonly Sweeper _sweeper;
    private readonly FlushWheel _wheel;
    private readonly EntityStore<TState> _store;

    private readonly BacklogCounter _backlog;

    private long? _healedAt;

    public TypeEngine(EntityTypeOptions<TState> options, EngineParts engine)
    {
        _options = options;
        _parts = new TypeParts<TState>(options, engine);
        _breaker = new CircuitBreaker(engine.Options.BackoffStart, engine.Options.BackoffCap, engine.Time);
        Letters = new DeadLetterBox(engine.Redis, _parts.Buffer, options, _parts.Metrics, engine.Time, _parts.Logger);

        var flusher = new BatchFlusher<TState>(_parts, Letters, _breaker);
        _sweeper = new Sweeper(_parts, flusher);
        var queue = new FlushQueue(flusher, _parts);
        _wheel = new FlushWheel(_parts, flusher);
        Notifier = options.NotifyFlush ? new FlushNotifier(options, queue, engine) : null;

        _parts.RecheckKept = new KeptStates(_parts, _parts.Sink.LoadVersionsAsync).Recheck;
        _loader = new EntityLoader<TState>(_parts);
        _writer = new EntityWriter(_parts, signals: this);
        _store = new EntityStore<TState>(_parts, _loader, _writer, queue, _wheel);
        _backlog = new BacklogCounter(_parts);
        Inspector = new TypeInspector<TState>(_parts, options, new EntityLook(engine.Redis, _parts.Buffer, options), Letters);
        KeyValuePair<string, object?>[] tags = [new(WriteBehindDiagnostics.TypeTag, options.Type)];
        engine.Meter.Meter.CreateObservableGauge(
            WriteBehindDiagnostics.Breaker, () => new Measurement<int>((int)_breaker.State, tags));
    }

    public EntityTypeOptions Options => _options;

    public object Store => _store;

    public DeadLetterBox Letters { get; }

    public FlushPauses Pauses => _parts.Pauses;

    public ITypeInspector Inspector { get; }

    public FlushNotifier? Notifier { get; }

    public TypeStatus Status
    {
        get
        {
            var backlog = _backlog.Last;
            return new TypeStatus(
                _options.Type,
                backlog.Dirty,
                backlog.OldestAge,
                _options.MaxAge,
                _options.MaxDirty,
                backlog.Dead,
                _breaker.State,
                _breaker.LastError,
                _parts.Metrics.Counters,
                _parts.Metrics.Rates,
                _parts.Buffer.ApartUntil)
            {
                BacklogAt = backlog.At,
                Pause = backlog.Pause,
            };
        }
    }

    public async Task CheckContractAsync(CancellationToken cancellationToken)
    {
        _parts.Codec.CheckContract();
        if (_parts.Codec.Names is { Count: > 0 } names)
        {
            await _parts.Record.RecordNamesAsync(names, cancellationToken).ConfigureAwait(false);
        }
    }

    public Task<RedisHistory> CheckEpochAsync(CancellationToken cancellationToken) => _parts.Record.CheckAsync(cancellationToken);

    public async Task<string> VerifySinkAsync(CancellationToken cancellationToken)
    {
        await _parts.Sink.VerifyAsync(cancellationToken).ConfigureAwait(false);
        return _parts.Sink.Description;
    }

    public async Task HealAsync(CancellationToken cancellationToken)
    {
        var pause = Rejections.PatienceOf(_options);
        if (_backlog.Last.Dead == 0 || (_healedAt is { } last && _parts.Time.GetElapsedTime(last) < pause))
        {
            return;
        }

        _healedAt = _parts.Time.GetTimestamp();
        var before = _parts.Time.GetUtcNow() - pause;
        IReadOnlyList<DeadLetter> letters;
        try
        {
            letters = await Letters.ListAsync(MostHealed, cancellationToken).ConfigureAwait(false);
        }
        catch (UnexpectedKeyException)
        {
            // Whoever asks for the letters is told of it.
            return;
        }

        foreach (var letter in letters)
        {
            if (letter.Reason == DeadLetterReason.Rejected && Blame.IsOfReference(letter.Code) && letter.SetAsideAt < before)
            {
                await RetryAsync(letter.Id, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    public async Task<TimeSpan> SweepAsync(CancellationToken cancellationToken)
    {
        // Four looks per delay: an entity waits a quarter longer than its delay at most.
        var round = TimeSpan.FromTicks(Math.Clamp(_options.FlushDelay.Ticks / 4, ShortestRound.Ticks, LongestRound.Ticks));
        if (_breaker.Wait > TimeSpan.Zero)
        {
            return round;
        }

        if (await _parts.Buffer.IsIdleAsync(withLetters: false, cancellationToken).ConfigureAwait(false))
        {
            // What is written from now on is due after its delay, and not before.
            return _parts.Time.UntilBeat(
                TimeSpan.FromTicks(Math.Clamp(_options.FlushDelay.Ticks, ShortestRound.Ticks, LongestRound.Ticks)));
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

    /// <inheritdoc />
    public void Dispose() => _wheel.Dispose();

    public Task<BufferUnavailableException?> WatchAsync(CancellationToken cancellationToken) => _backlog.WatchAsync(cancellationToken);

    public Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken)
        => _backlog.CountAsync(until, cancellationToken);

    public Task<bool> RetryAsync(string id, CancellationToken cancellationToken)
    {
        _parts.Engine.Admission.Check(_options.Type);

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
}

/// <summary>
/// Everything that serves one entity type, for those who need not know its state type. Disposed, it begins no more of the flushes that
/// owners have asked for; the rest goes on.
/// </summary>
internal interface ITypeEngine : IDisposable
{
    EntityTypeOptions Options { get; }

    /// <summary>The <see cref="IEntityStore{TState}"/>.</summary>
    object Store { get; }

    DeadLetterBox Letters { get; }

    FlushPauses Pauses { get; }

    /// <summary>Shows what is known of its entities.</summary>
    ITypeInspector Inspector { get; }

    /// <summary>Has writes flushed at once; null where that is not wanted.</summary>
    FlushNotifier? Notifier { get; }

    /// <summary>The backlog as last counted.</summary>
    TypeStatus Status { get; }

    /// <summary>Checks that states come back as they were written, and that all processes give their members the same names.</summary>
    /// <exception cref="ConfigurationException">They don't.</exception>
    Task CheckContractAsync(CancellationToken cancellationToken);

    /// <summary>Records the type in Redis, or checks what is recorded; returns what became of Redis since the last call.</summary>
    Task<RedisHistory> CheckEpochAsync(CancellationToken cancellationToken);

    /// <summary>Checks table and columns; returns how the type is saved, for the log.</summary>
    Task<string> VerifySinkAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Now and then, tries dead letters again that waited for a row they refer to: it may have been flushed since.
    /// </summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task HealAsync(CancellationToken cancellationToken);

    /// <summary>Flushes what is due, once; returns the pause until the next round.</summary>
    Task<TimeSpan> SweepAsync(CancellationToken cancellationToken);

    /// <summary>Flushes what is due in a part of the shards, once; nothing while the circuit breaker is open.</summary>
    Task<SweepPass> SweepAsync(SweepPart part, TimeSpan? minAge, CancellationToken cancellationToken);

    /// <summary>Flushes what is dirty up to the given Redis time of each shard (0: nothing).</summary>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away; what the rest of it holds was flushed.</exception>
    Task FlushAsync(SweepPass pass, long[] until, bool force, CancellationToken cancellationToken);

    /// <summary>Flushes one entity, as <see cref="IEntityStore{TState}.FlushAsync"/> does.</summary>
    Task FlushAsync(string id, TimeSpan? timeout, CancellationToken cancellationToken);

    /// <summary>Looks what waits, for gauges and status; returns why it could not be counted everywhere, or null.</summary>
    Task<BufferUnavailableException?> WatchAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Counts what waits, per shard. Where Redis or a part of it is away, or does not answer before the token cancels, the result says so.
    /// </summary>
    Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken);

    /// <summary>Makes a dead entity dirty again.</summary>
    Task<bool> RetryAsync(string id, CancellationToken cancellationToken);
}
