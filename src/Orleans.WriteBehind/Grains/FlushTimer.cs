using Microsoft.Extensions.Logging;
using Orleans.Timers;
using WriteBehind;

namespace Orleans.WriteBehind.Grains;

/// <summary>
/// The flush timer of one activation: armed by what makes the entity dirty, gone when it is clean. It ticks once and hands the entity to the
/// engine, which flushes it in one batch with others'.
/// </summary>
internal sealed class FlushTimer<TState>(
    ITimerRegistry timers, IGrainContext grain, IEntitySession<TState> session, WriteBehindGrainOptions options, Action superseded, ILogger logger)
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
