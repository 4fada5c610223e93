using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>The engine over all its entity types: starts, watches, flushes and drains.</summary>
internal sealed partial class WriteBehindEngine : IWriteBehindEngine, IEngineControl, IAsyncDisposable
{
    private static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(2);

    private readonly EngineParts _parts;
    private readonly DurabilityGuard _guard;
    private readonly ILogger _logger;
    private readonly Dictionary<string, ITypeEngine> _types;
    private readonly List<BackgroundLoop> _loops = [];

    public WriteBehindEngine(EngineParts parts, DurabilityGuard guard, IEnumerable<IEntityRegistration> registrations)
    {
        (_parts, _guard, _logger) = (parts, guard, parts.Loggers.CreateLogger(LogCategories.Engine));
        _types = registrations.ToDictionary(
            registration => registration.Type, registration => registration.Build(parts), StringComparer.Ordinal);
        DeadLetters = new DeadLetterService(FindType);
        parts.Meter.Meter.CreateObservableGauge(WriteBehindDiagnostics.Emptied, () => _guard.Status.EmptiedAt is null ? 0 : 1);
    }

    public IReadOnlyCollection<string> Types => _types.Keys;

    public IDeadLetters DeadLetters { get; }

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
        await _guard.InspectAsync(starting: true, cancellationToken).ConfigureAwait(false);
        foreach (var type in _types.Values)
        {
            await type.CheckEpochAsync(cancellationToken).ConfigureAwait(false);
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

        _loops.Add(new BackgroundLoop("watch", WatchAsync, _parts.Time, _logger));
        if (_parts.Options.Sweep)
        {
            _loops.AddRange(
                _types.Values.Select(type => new BackgroundLoop($"sweep {type.Options.Type}", type.SweepAsync, _parts.Time, _logger)));
        }

        foreach (var type in _types.Values)
        {
            if (type.Notifier is { } notifier)
            {
                _loops.Add(new BackgroundLoop($"notices {type.Options.Type}", notifier.RunAsync, _parts.Time, _logger));
            }
        }

        _loops.ForEach(loop => loop.Start());
    }

    /// <inheritdoc />
    public async Task<FlushReport> StopAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_loops.Select(loop => loop.StopAsync())).ConfigureAwait(false);
        await CloseNotifiersAsync().ConfigureAwait(false);
        if (_parts.Options.DrainTimeout == TimeSpan.Zero)
        {
            return new FlushReport(0, new Dictionary<string, long>(), []);
        }

        var started = _parts.Time.GetTimestamp();
        var report = await FlushWithinAsync(_parts.Options.DrainTimeout, cancellationToken).ConfigureAwait(false);
        var remaining = string.Join(", ", report.Remaining.Select(left => $"{left.Value} {left.Key}"));
        if (report.IsClean)
        {
            Drained(_logger, report.Flushed, _parts.Time.GetElapsedTime(started));
        }
        else if (cancellationToken.IsCancellationRequested)
        {
            CutShort(_logger, report.Flushed, _parts.Time.GetElapsedTime(started), _parts.Options.DrainTimeout, remaining);
        }
        else
        {
            NotDrained(_logger, report.Flushed, _parts.Options.DrainTimeout, remaining);
        }

        cancellationToken.ThrowIfCancellationRequested();
        return report;
    }

    public async Task<EngineStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var backlogs = await Task.WhenAll(_types.Values.Select(type => type.CountAsync(null, cancellationToken))).ConfigureAwait(false);
        var durability = _guard.Status with { Reachable = backlogs.All(static backlog => backlog.Failure is null) };
        return new EngineStatus([.. _types.Values.Select(type => type.Status)], durability, [.. _loops.Select(loop => loop.Status)]);
    }

    public async Task<FlushReport> FlushAllAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var report = await FlushWithinAsync(timeout ?? FlushQueue.DefaultTimeout, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return report;
    }

    public Task FlushAsync(string type, string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
        => FindType(type).FlushAsync(id, timeout, cancellationToken);

    public async Task<long> SweepAsync(SweepPart part, TimeSpan? minAge = null, CancellationToken cancellationToken = default)
    {
        var passes = await Task.WhenAll(
            _types.Values.Select(type => type.SweepAsync(part, minAge, cancellationToken))).ConfigureAwait(false);
        return passes.Sum(pass => pass.Flushed);
    }

    public async ValueTask DisposeAsync()
    {
        await AwaitBatchesAsync().ConfigureAwait(false);

        // The container knows the engine under two names and disposes it twice.
        foreach (var loop in _loops)
        {
            await loop.DisposeAsync().ConfigureAwait(false);
        }

        _loops.Clear();
        await CloseNotifiersAsync().ConfigureAwait(false);
    }

    /// <summary>Flushes until the time is over or the token cancels, and says in either case what remains.</summary>
    private async Task<FlushReport> FlushWithinAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        var reports = await Task.WhenAll(
            _types.Values.Select(type => WholeTypeFlush.RunAsync(type, _parts.Time, limit.Token))).ConfigureAwait(false);
        return new FlushReport(
            reports.Sum(report => report.Flushed),
            reports.SelectMany(report => report.Remaining).ToDictionary(),
            [.. reports.SelectMany(report => report.Rejected)]);
    }

    private async Task CloseNotifiersAsync()
    {
        foreach (var notifier in _types.Values.Select(type => type.Notifier).OfType<FlushNotifier>())
        {
            await notifier.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Lets batches under way end before their connections go. Not for long: one may hang at the database, and what it does not
    /// settle is settled by the next process.
    /// </summary>
    private async Task AwaitBatchesAsync()
    {
        var slots = 0;
        using var limit = new CancellationTokenSource(LongestFarewell, _parts.Time);
        try
        {
            for (; slots < _parts.Options.MaxConcurrentFlushes; slots++)
            {
                await _parts.Flushes.WaitAsync(limit.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // It hangs.
        }

        if (slots > 0)
        {
            _parts.Flushes.Release(slots);
        }
    }

    private async Task<TimeSpan> WatchAsync(CancellationToken cancellationToken)
    {
        // First what waits: the gauges show it as far as Redis answers, whatever fails below.
        BufferUnavailableException? failure = null;
        foreach (var type in _types.Values)
        {
            var backlog = await type.CountAsync(null, cancellationToken).ConfigureAwait(false);
            failure ??= backlog.Failure;
        }

        await _guard.InspectAsync(starting: false, cancellationToken).ConfigureAwait(false);
        foreach (var type in _types.Values)
        {
            if (!await type.CheckEpochAsync(cancellationToken).ConfigureAwait(false))
            {
                _guard.ReportEmptied(type.Options.Type);
            }
        }

        if (failure is not null)
        {
            throw failure;
        }

        return _parts.Options.WatchInterval;
    }

    private ITypeEngine FindType(string type)
        => _types.TryGetValue(type, out var found) ? found : throw new UnknownEntityTypeException(type, _types.Keys);

    [LoggerMessage(1, LogLevel.Information, "{Type} is saved to {Sink}.")]
    private static partial void Registered(ILogger logger, string type, string sink);

    [LoggerMessage(2, LogLevel.Warning, "The database can't be asked about {Type} now; writes are accepted and wait in Redis.")]
    private static partial void DatabaseAway(ILogger logger, Exception error, string type);

    [LoggerMessage(3, LogLevel.Information, "Drained: {Flushed} entities flushed in {Elapsed}, nothing remains.")]
    private static partial void Drained(ILogger logger, long flushed, TimeSpan elapsed);

    [LoggerMessage(
        4, LogLevel.Warning, "Not drained within {Timeout} (DrainTimeout): {Flushed} entities flushed, {Remaining} remain, safe in Redis.")]
    private static partial void NotDrained(ILogger logger, long flushed, TimeSpan timeout, string remaining);

    [LoggerMessage(
        5,
        LogLevel.Warning,
        "Not drained: the host's time to stop was over after {Elapsed}, before DrainTimeout ({Timeout}). {Flushed} entities flushed, " +
        "{Remaining} remain, safe in Redis.")]
    private static partial void CutShort(ILogger logger, long flushed, TimeSpan elapsed, TimeSpan timeout, string remaining);
}

/// <summary>Starts the engine with the host and drains it when the host stops.</summary>
internal sealed class WriteBehindHostedService(WriteBehindEngine engine) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => engine.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => engine.StopAsync(cancellationToken);
}
