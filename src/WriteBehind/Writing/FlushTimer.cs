using Microsoft.Extensions.Logging;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Writing;

/// <summary>
/// The flush timer of one session: armed by what makes the entity dirty, gone when it is clean. It is a place in the
/// <see cref="FlushWheel"/>, which flushes it in one batch with others.
/// </summary>
internal sealed partial class FlushTimer<TState>(
    EntitySession<TState> session, FlushWheel wheel, ILogger logger, Action? superseded) : IFlushTimer, IDueFlush
    where TState : class
{
    private readonly Lock _lock = new();
    private TimerState _state;
    private int _ticket;
    private int _failures;
    private FlushMark _mark;

    private enum TimerState
    {
        Idle,

        /// <summary>It has a place in the wheel.</summary>
        Armed,

        /// <summary>The flush is under way.</summary>
        Flushing,

        /// <summary>The flush is under way, and was armed anew meanwhile.</summary>
        FlushingArmed,

        /// <summary>The flush is under way, and taken away.</summary>
        FlushingDropped,
    }

    public string Id => session.Id;

    public bool IsArmed
    {
        get
        {
            lock (_lock)
            {
                return _state is TimerState.Armed or TimerState.Flushing or TimerState.FlushingArmed;
            }
        }
    }

    public void Arm()
    {
        lock (_lock)
        {
            if (!session.IsDirty)
            {
                return;
            }

            if (_state == TimerState.Idle)
            {
                Schedule();
            }
            else if (_state != TimerState.Armed)
            {
                _state = TimerState.FlushingArmed;
            }
        }
    }

    public void Drop()
    {
        lock (_lock)
        {
            _state = _state is TimerState.Idle or TimerState.Armed ? TimerState.Idle : TimerState.FlushingDropped;
        }
    }

    public bool TryBegin(int ticket)
    {
        lock (_lock)
        {
            if (_state != TimerState.Armed || ticket != _ticket)
            {
                return false;
            }

            // Before the claim reads what to save: what is written meanwhile stays dirty here.
            (_state, _mark) = (TimerState.Flushing, session.Mark());
            return true;
        }
    }

    public void End(FlushItem item, Exception? error) => _ = EndAsync(item, error);

    private async Task EndAsync(FlushItem item, Exception? error)
    {
        EntityFlush? flushed = null;
        try
        {
            if (error is null)
            {
                flushed = await session.TakeAsync(item, _mark, CancellationToken.None).ConfigureAwait(false);
                if (flushed == EntityFlush.Superseded && session.Version == _mark.Version)
                {
                    superseded?.Invoke();
                }
            }
        }
#pragma warning disable CA1031 // Nobody awaits this: what is not caught here is never seen, and the timer would never be armed again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
        }

        if (error is WriteBehindException or OperationCanceledException)
        {
            NotFlushed(logger, error, session.Options.Type, session.Id);
        }
        else if (error is not null)
        {
            Failed(logger, error, session.Options.Type, session.Id);
        }

        lock (_lock)
        {
            _failures = flushed == EntityFlush.Saved ? 0 : _failures + 1;
            if (_state == TimerState.FlushingArmed || (_state == TimerState.Flushing && !session.IsOver(flushed, _mark.Version)))
            {
                Schedule();
            }
            else
            {
                _state = TimerState.Idle;
            }
        }
    }

    /// <summary>
    /// The delay counts from the first unflushed write. It doubles with each failure in a row up to the maximum age: nobody needs ten
    /// thousand tries a second at a database that is away.
    /// </summary>
    private void Schedule()
    {
        _state = TimerState.Armed;
        wheel.Add(this, ++_ticket, Pauses.Doubled(session.Options.FlushDelay, _failures, session.Options.MaxAge));
    }

    [LoggerMessage(1, LogLevel.Debug, "{Type} '{Id}' was not flushed; it stays dirty in Redis.")]
    private static partial void NotFlushed(ILogger logger, Exception error, string type, string id);

    [LoggerMessage(2, LogLevel.Error, "The flush of {Type} '{Id}' failed unexpectedly; it stays dirty in Redis, and is tried again.")]
    private static partial void Failed(ILogger logger, Exception error, string type, string id);
}

/// <summary>What a session held when a flush began.</summary>
/// <param name="Load">Its how many-th load that was.</param>
/// <param name="Version">The version.</param>
/// <param name="Epoch">The epoch of its shard.</param>
internal readonly record struct FlushMark(int Load, long Version, string Epoch);
