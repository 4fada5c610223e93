using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>The engine over all its entity types: starts, watches, flushes and drains.</summary>
internal sealed partial class WriteBehindEngine : IWriteBehindEngine, IEngineControl, IAsyncDisposable
{
    /// <summary>How many types are looked at side by side: enough to share packets, few enough that writes don't wait behind.</summary>
    private const int WatchedTogether = 8;

    private static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PauseWhileAwaited = TimeSpan.FromMilliseconds(200);

    private readonly EngineParts _parts;
    private readonly DurabilityGuard _guard;
    private readonly ILogger _logger;
    private readonly Dictionary<string, ITypeEngine> _types;
    private readonly OtherLoops _others;
    private readonly List<BackgroundLoop> _loops = [];

    /// <summary>Whether Redis was away at the start and the checks are still to be made.</summary>
    private volatile bool _isAwaited;

    public WriteBehindEngine(
        EngineParts parts, DurabilityGuard guard, OtherLoops others, IEnumerable<IEntityRegistration> registrations)
    {
        (_parts, _guard, _others, _logger) = (parts, guard, others, parts.Loggers.CreateLogger(LogCategories.Engine));
        _types = registrations.ToDictionary(
            registration => registration.Type, registration => registration.Build(parts), StringComparer.Ordinal);
        DeadLetters = new DeadLetterService(FindType);
        parts.Meter.Meter.CreateObservableGauge(WriteBehindDiagnostics.Emptied, () => _guard.Status.EmptiedAt is null ? 0 : 1);
        parts.Meter.Meter.CreateObservableGauge(WriteBehindDiagnostics.WentBack, () => _guard.Status.WentBackAt is null ? 0 : 1);
    }

    public IReadOnlyCollection<string> Types => _types.Keys;

    public IDeadLetters DeadLetters { get; }

    /// <inheritdoc />
    public FlushReport? LastStop { get; private set; }

    public EntityTypeOptions OptionsOf(string type) => FindType(type).Options;

    public IEntityStore<TState> Store<TState>()
        where TState : class
    {
        var stores = _types.Values.Select(type => type.Store).OfType<IEntityStore<TState>>().ToArray();
        return stores.Length == 1 ? stores[0] : throw new UnknownEntityTypeException(typeof(TState).Name, _types.Keys);
    }

    public IEntityStore<TState> Store<TState>(string type)
        where TState : class
        => FindType(type).Store as IEntityStore<TState>
            ?? throw new UnknownEntityTypeException($"{type} of {typeof(TState).Name}", _types.Keys);

    /// <inheritdoc />
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await AdmitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (_parts.Redis.MayBeAwayAtStart)
        {
            _isAwaited = true;
            _parts.Admission.Await(e);
            Awaited(_logger, e);
        }

        var watch = new BackgroundLoop("watch", WatchAsync, _parts.Time, _logger);
        _loops.Add(watch);

        // A Redis that was restarted may have lost something. Who was there before looks at once, and can tell; who begins before that
        // can't, and has to doubt all that it holds.
        _parts.Redis.Restored = watch.Wake;
        foreach (var type in _types.Values)
        {
            if (_parts.Options.Sweep)
            {
                AddLoop($"sweep {type.Options.Type}", type.SweepAsync);
            }

            if (type.Notifier is { } notifier)
            {
                AddLoop($"notices {type.Options.Type}", notifier.RunAsync);
            }
        }

        _loops.ForEach(loop => loop.Start());

        void AddLoop(string name, Func<CancellationToken, Task<TimeSpan>> round) => _loops.Add(new BackgroundLoop(
            name, token => _isAwaited ? Task.FromResult(PauseWhileAwaited) : round(token), _parts.Time, _logger));
    }

    /// <inheritdoc />
    public Task ConnectAsync(CancellationToken cancellationToken)
        => _loops.Count > 0 ? Task.CompletedTask : AdmitAsync(cancellationToken);

    /// <summary>Lets everybody in where all holds that has to, before anything is read or written.</summary>
    private async Task AdmitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CheckAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ConfigurationException e)
        {
            _parts.Admission.Refuse(e);
            throw;
        }

        _isAwaited = false;
        _parts.Admission.Open();
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        await _guard.InspectAsync(starting: true, cancellationToken).ConfigureAwait(false);
        foreach (var type in _types.Values)
        {
            await CheckEpochAsync(type, cancellationToken).ConfigureAwait(false);
            await type.CheckContractAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Registered(_logger, type.Options.Type, await type.VerifySinkAsync(cancellationToken).ConfigureAwait(false));
            }
            catch (SinkException e)
            {
                // Writes are accepted without the database; that is what the buffer is for.
                DatabaseAway(_logger, e, type.Options.Type);
            }
        }
    }

    /// <inheritdoc />
    public async Task<FlushReport> StopAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_loops.Select(loop => loop.StopAsync())).ConfigureAwait(false);
        await CloseNotifiersAsync().ConfigureAwait(false);
        Array.ForEach([.. _types.Values], static type => type.Dispose());
        if (_parts.Options.DrainTimeout == TimeSpan.Zero)
        {
            DrainLog.NotAsked(_logger);
            return LastStop = NothingKnown;
        }

        var started = _parts.Time.GetTimestamp();
        var report = LastStop = await DrainAsync(cancellationToken).ConfigureAwait(false);
        DrainLog.Tell(
            _logger, report, _parts.Time.GetElapsedTime(started), _parts.Options.DrainTimeout, cancellationToken.IsCancellationRequested);
        cancellationToken.ThrowIfCancellationRequested();
        return report;
    }

    public async Task<EngineStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var backlogs = await Task.WhenAll(_types.Values.Select(type => type.CountAsync(null, cancellationToken))).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        var durability = _guard.Status with
        {
            Reachable = backlogs.All(static backlog => backlog.IsWhole),
            Shards = TypeBacklog.ShardsOf(backlogs),
        };
        return new EngineStatus(
            [.. _types.Values.Select(type => type.Status)], durability, [.. _loops.Select(loop => loop.Status), .. _others.Status]);
    }

    public async Task<FlushReport> FlushAllAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var report = await FlushWithinAsync(timeout ?? FlushQueue.DefaultTimeout, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return report;
    }

    public Task FlushAsync(string type, string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
        => FindType(type).FlushAsync(id, timeout, cancellationToken);

    public async Task<FlushPause> PauseAsync(
        string type, TimeSpan? duration = null, string? by = null, CancellationToken cancellationToken = default)
    {
        var engine = FindType(type);
        var length = duration ?? FlushPause.DefaultDuration;
        ArgumentOutOfRangeException.ThrowIfLessThan(length, TimeSpan.FromMilliseconds(1), nameof(duration));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, FlushPause.LongestDuration, nameof(duration));
        return await engine.Pauses.PauseAsync(length, by ?? Environment.MachineName, cancellationToken).ConfigureAwait(false);
    }

    public Task<bool> ResumeAsync(string type, CancellationToken cancellationToken = default)
        => FindType(type).Pauses.ResumeAsync(cancellationToken);

    public Task<EntityInspection> InspectAsync(string type, string id, CancellationToken cancellationToken = default)
    {
        var engine = FindType(type);
        Names.CheckId(type, id);
        return engine.Inspector.InspectAsync(id, cancellationToken);
    }

    public Task<IReadOnlyList<DirtyEntity>> OldestAsync(string type, int limit = 100, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1_000);
        return FindType(type).Inspector.OldestAsync(limit, cancellationToken);
    }

    public Task<StoreComparison> CompareAsync(string type, bool mend = false, CancellationToken cancellationToken = default)
        => FindType(type).Inspector.CompareAsync(mend, cancellationToken);

    public async Task<long> SweepAsync(SweepPart part, TimeSpan? minAge = null, CancellationToken cancellationToken = default)
    {
        if (_isAwaited)
        {
            return 0;
        }

        var passes = await Task.WhenAll(
            _types.Values.Select(type => type.SweepAsync(part, minAge, cancellationToken))).ConfigureAwait(false);
        return passes.Sum(pass => pass.Flushed);
    }

    public async ValueTask DisposeAsync()
    {
        Array.ForEach([.. _types.Values], static type => type.Dispose());
        await _parts.AwaitBatchesAsync(LongestFarewell).ConfigureAwait(false);

        // The container knows the engine under two names and disposes it twice.
        foreach (var loop in _loops)
        {
            await loop.DisposeAsync().ConfigureAwait(false);
        }

        _loops.Clear();
        await CloseNotifiersAsync().ConfigureAwait(false);
    }

    /// <summary>A stop must end, and not by an error that the process would die of.</summary>
    private async Task<FlushReport> DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await FlushWithinAsync(_parts.Options.DrainTimeout, cancellationToken).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever it is, it is said, and what remains is not known.
        catch (Exception e)
#pragma warning restore CA1031
        {
            DrainLog.Failed(_logger, e);
            return NothingKnown;
        }
    }

    /// <summary>Flushes until the time is over or the token cancels, and says in either case what remains.</summary>
    private async Task<FlushReport> FlushWithinAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_isAwaited)
        {
            return NothingKnown;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        var emptied = _guard.Status.EmptiedAt;
        var reports = await Task.WhenAll(_types.Values.Select(type => WholeTypeFlush.RunAsync(type, _parts.Time, limit.Token)))
            .ConfigureAwait(false);
        var lost = await LostAsync().ConfigureAwait(false);
        return new FlushReport(
            reports.Sum(report => report.Flushed),
            reports.SelectMany(report => report.Remaining).ToDictionary(),
            [.. reports.SelectMany(report => report.Rejected)])
        {
            Paused = [.. reports.SelectMany(report => report.Paused)],
            Uncounted = _guard.Status.EmptiedAt != emptied
                ? [.. Types]
                : [.. reports.SelectMany(report => report.Uncounted).Union(lost, StringComparer.Ordinal)],
        };
    }

    /// <summary>The types of which Redis can't tell what there was: it came back empty, went back, or does not say.</summary>
    private async Task<IReadOnlyCollection<string>> LostAsync()
    {
        using var soon = new CancellationTokenSource(LongestFarewell, _parts.Time);
        var lost = await Task.WhenAll(_types.Values.Select(async type =>
        {
            try
            {
                var history = await CheckEpochAsync(type, soon.Token).ConfigureAwait(false);
                if ((history & (RedisHistory.Emptied | RedisHistory.WentBack)) == RedisHistory.None)
                {
                    return null;
                }
            }
            catch (Exception e) when (e is WriteBehindException or OperationCanceledException)
            {
                // Not known.
            }

            return type.Options.Type;
        })).ConfigureAwait(false);
        return [.. lost.OfType<string>()];
    }

    private async Task CloseNotifiersAsync()
    {
        var notifiers = _types.Values.Select(static type => type.Notifier).OfType<FlushNotifier>();
        await Task.WhenAll(notifiers.Select(static notifier => notifier.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    private async Task<TimeSpan> WatchAsync(CancellationToken cancellationToken)
    {
        if (_isAwaited)
        {
            await AdmitAsync(cancellationToken).ConfigureAwait(false);
        }

        // First what waits: the gauges show it as far as Redis answers, whatever fails below.
        BufferUnavailableException? failure = null;
        foreach (var some in _types.Values.Chunk(WatchedTogether))
        {
            var failures = await Task.WhenAll(some.Select(type => type.WatchAsync(cancellationToken))).ConfigureAwait(false);
            failure = Array.Find(failures, static each => each is not null) ?? failure;
        }

        await _guard.InspectAsync(starting: false, cancellationToken).ConfigureAwait(false);
        try
        {
            foreach (var some in _types.Values.Chunk(WatchedTogether))
            {
                await Task.WhenAll(some.Select(type => CheckEpochAsync(type, cancellationToken))).ConfigureAwait(false);
            }
        }
        catch (ConfigurationException e)
        {
            // Another process with other settings began anew in a Redis that came back empty, perhaps.
            _parts.Admission.Refuse(e);
            throw;
        }

        if (_parts.Redis.IsProved)
        {
            _parts.Admission.Open();
        }

        if (failure is not null)
        {
            throw failure;
        }

        foreach (var type in _types.Values)
        {
            await type.HealAsync(cancellationToken).ConfigureAwait(false);
        }

        return _parts.Options.WatchInterval;
    }

    private async Task<RedisHistory> CheckEpochAsync(ITypeEngine type, CancellationToken cancellationToken)
    {
        var history = await type.CheckEpochAsync(cancellationToken).ConfigureAwait(false);
        if (history.HasFlag(RedisHistory.Emptied))
        {
            _guard.ReportEmptied(type.Options.Type);
        }

        if (history.HasFlag(RedisHistory.WentBack))
        {
            _guard.ReportWentBack(type.Options.Type);
        }

        if (history.HasFlag(RedisHistory.MayHaveGoneBack))
        {
            _guard.ReportOtherServer(type.Options.Type);
        }

        return history;
    }

    /// <summary>The report where nothing could be asked.</summary>
    private FlushReport NothingKnown => new(0, new Dictionary<string, long>(), []) { Uncounted = [.. Types] };

    private ITypeEngine FindType(string type)
        => _types.TryGetValue(type, out var found) ? found : throw new UnknownEntityTypeException(type, _types.Keys);

    [LoggerMessage(1, LogLevel.Information, "{Type} is saved to {Sink}.")]
    private static partial void Registered(ILogger logger, string type, string sink);

    [LoggerMessage(2, LogLevel.Warning, "The database can't be asked about {Type} now; writes are accepted and wait in Redis.")]
    private static partial void DatabaseAway(ILogger logger, Exception error, string type);

    [LoggerMessage(
        10, LogLevel.Error, "Redis is away, and the application starts without it (abortConnect=false). Until it is there all calls fail.")]
    private static partial void Awaited(ILogger logger, Exception error);
}
