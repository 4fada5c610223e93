using Microsoft.Extensions.Logging;
using Orleans.Timers;
using WriteBehind;
using WriteBehind.Common;

namespace Orleans.WriteBehind;

/// <summary>
/// The flush timer of one activation: armed by what makes the entity dirty, gone when it is clean. It ticks once and hands the entity to
/// the engine, which flushes it in one batch with others'.
/// </summary>
internal sealed class FlushTimer<TState>(
    ITimerRegistry timers,
    IGrainContext grain,
    IEntitySession<TState> session,
    WriteBehindGrainOptions options,
    Action superseded,
    ILogger logger)
    where TState : class
{
    private readonly FlushPace _pace = new(session.Options);
    private IGrainTimer? _timer;

    /// <summary>Whether a flush is due some time.</summary>
    public bool IsArmed => _timer is not null;

    /// <summary>Arms it, unless it is: the delay counts from the first unflushed write.</summary>
    public void Arm() => _timer ??= timers.RegisterGrainTimer(
        grain,
        static (timer, cancellationToken) => timer.TickAsync(cancellationToken),
        this,
        new GrainTimerCreationOptions(_pace.Next(), Timeout.InfiniteTimeSpan) { Interleave = true });

    /// <summary>Takes the timer away.</summary>
    public void Drop()
    {
        _timer?.Dispose();
        _timer = null;
    }

    /// <summary>Tries once to flush, within the flush time-out. Returns what it came to; null where it did not get through.</summary>
    public async Task<EntityFlush?> TryFlushAsync(CancellationToken cancellationToken)
    {
        var version = session.Version;
        var flushed = await FlushTry.RunAsync(session, options.FlushTimeout, logger, cancellationToken).ConfigureAwait(true);
        if (flushed == EntityFlush.Superseded && session.Version == version)
        {
            superseded();
        }

        return flushed;
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        EntityFlush? flushed = null;
        var version = session.Version;
        try
        {
            flushed = await TryFlushAsync(cancellationToken).ConfigureAwait(true);
        }
        finally
        {
            // Re-armed whatever happened: with an infinite period, a tick that throws is never repeated.
            _pace.Note(flushed);
            if (FlushTry.IsOver(session, flushed, version))
            {
                Drop();
            }
            else
            {
                _timer?.Change(_pace.Next(), Timeout.InfiniteTimeSpan);
            }
        }
    }
}

/// <summary>When an entity is flushed: after the flush delay, with jitter, so that ten thousand owners do not flush together.</summary>
internal sealed class FlushPace(EntityTypeOptions options)
{
    /// <summary>By how much the delay varies, up and down.</summary>
    private const double Jitter = 0.2;

    private int _failures;

    /// <summary>
    /// The pause before the next try; doubled with each failure in a row up to the maximum age: nobody needs ten thousand tries a second at
    /// a database that is away.
    /// </summary>
    public TimeSpan Next()
    {
        var delay = options.FlushDelay * Math.Pow(2, Math.Min(_failures, 16));
        delay = delay < options.MaxAge ? delay : options.MaxAge;
        return delay * (1 - Jitter + (2 * Jitter * Random.Shared.NextDouble()));
    }

    /// <summary>Notes what a try came to; null where it did not get through.</summary>
    public void Note(EntityFlush? flushed) => _failures = flushed == EntityFlush.Saved ? 0 : _failures + 1;
}

/// <summary>One try to flush an entity, with a time-out of its own: a deactivation waits for turns that are under way.</summary>
internal static partial class FlushTry
{
    /// <summary>Returns what it came to; null where it did not get through.</summary>
    public static async Task<EntityFlush?> RunAsync<TState>(
        IEntitySession<TState> session, TimeSpan timeout, ILogger logger, CancellationToken cancellationToken)
        where TState : class
    {
        try
        {
            return await session.TryFlushAsync(cancellationToken)
                .MayBeAbandoned()
                .WaitAsync(timeout, cancellationToken).ConfigureAwait(true);
        }
        catch (Exception e) when (e is WriteBehindException or TimeoutException or OperationCanceledException)
        {
            NotFlushed(logger, e, session.Options.Type, session.Id);
            return null;
        }
    }

    /// <summary>
    /// Whether the owner need not try again: the entity is clean; or what it had at the try is rejected by the database, which is left to
    /// the sweep that counts its tries, or no longer counts. What was written since the try is to be tried.
    /// </summary>
    public static bool IsOver<TState>(IEntitySession<TState> session, EntityFlush? flushed, long triedVersion)
        where TState : class
        => !session.IsDirty || (flushed is EntityFlush.Rejected or EntityFlush.Superseded && session.Version == triedVersion);

    [LoggerMessage(1, LogLevel.Debug, "{Type} '{Id}' was not flushed; it stays dirty in Redis.")]
    private static partial void NotFlushed(ILogger logger, Exception error, string type, string id);
}
