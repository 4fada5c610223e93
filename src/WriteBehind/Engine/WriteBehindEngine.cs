using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;
using WriteBehind.Redis;

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
        await _guard.InspectAsync(starting: true, cancellationToken).ConfigureAwait(false);
        foreach (var type in _types.Values)
        {
            await type.CheckEpochAsync(cancellationToken).ConfigureAwait(false);
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
            NotAsked(_logger);
            return LastStop = new FlushReport(0, new Dictionary<string, long>(), []) { Uncounted = [.. Types] };
        }

        var started = _parts.Time.GetTimestamp();
        var report = LastStop = await DrainAsync(cancellationToken).ConfigureAwait(false);
        var remaining = string.Join(", ", report.Remaining.Select(left => $"{left.Value} {left.Key}"));
        if (report.Uncounted.Count > 0)
        {
            Uncounted(
                _logger,
                _parts.Time.GetElapsedTime(started),
                string.Join(", ", report.Uncounted),
                report.Flushed,
                remaining.Length > 0 ? remaining : "nothing");
        }
        else if (report.IsClean)
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
        var durability = _guard.Status with { Reachable = backlogs.All(static backlog => backlog.IsWhole), Shards = ShardsOf(backlogs) };
