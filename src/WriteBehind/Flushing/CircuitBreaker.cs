using WriteBehind.Common;

namespace WriteBehind.Flushing;

/// <summary>
/// Keeps a failing database from being asked by everybody at once: after a transient failure nothing is sent until the pause is
/// over, then one batch probes. Its success closes the breaker, its failure makes the next pause longer. For ever: there is no last try.
/// Batches that were let in before the outage may end at any time during it, or after it; they decide nothing.
/// </summary>
internal sealed class CircuitBreaker(TimeSpan start, TimeSpan cap, TimeProvider time)
{
    private readonly Lock _lock = new();
    private int _failures;
    private long _openedAt;
    private TimeSpan _pause;
    private bool _probing;
    private long _period;

    public BreakerState State
    {
        get
        {
            lock (_lock)
            {
                return _failures == 0 ? BreakerState.Closed : _probing ? BreakerState.HalfOpen : BreakerState.Open;
            }
        }
    }

    /// <summary>The last transient error while the breaker is not closed.</summary>
    public string? LastError { get; private set; }

    /// <summary>How long until a batch may try; zero where one may now.</summary>
    public TimeSpan Wait
    {
        get
        {
            lock (_lock)
            {
                return _failures == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(Math.Max(0, (_pause - time.GetElapsedTime(_openedAt)).Ticks));
            }
        }
    }

    /// <summary>Whether a batch may be sent now. Whoever is let in must say how it went, with the entry it was given.</summary>
    public bool TryEnter(out BreakerEntry entry)
    {
        lock (_lock)
        {
            entry = new BreakerEntry(_period, IsProbe: _failures > 0);
            if (_failures == 0)
            {
                return true;
            }

            if (_probing || time.GetElapsedTime(_openedAt) < _pause)
            {
                return false;
            }

            _probing = true;
            return true;
        }
    }

    /// <summary>The batch reached the database, whatever the database said of its entities.</summary>
    public void Succeed(BreakerEntry entry)
    {
        lock (_lock)
        {
            if (entry.IsProbe)
            {
                (_failures, _probing, LastError) = (0, false, null);
                _period++;
            }
        }
    }

    /// <summary>The batch failed for a reason that is no entity's.</summary>
    /// <param name="entry">As what it was let in.</param>
    /// <param name="error">The reason.</param>
    /// <param name="longest">The longest pause, where it is to be shorter than the breaker's own.</param>
    public void Fail(BreakerEntry entry, string error, TimeSpan? longest = null)
    {
        lock (_lock)
        {
            // Batches that were under way when the breaker opened fail too; only the first opens it, only the probe makes the pause longer.
            if (entry.Period != _period)
            {
                return;
            }

            if (entry.IsProbe)
            {
                _probing = false;
            }
            else
            {
                _period++;
            }

            _failures++;
            _pause = Pauses.Backoff(_failures, start, longest < cap ? longest.Value : cap, Random.Shared);
            _openedAt = time.GetTimestamp();
            LastError = error;
        }
    }

    /// <summary>The batch never got to the database (Redis failed, or there was nothing to save): nothing was learned.</summary>
    public void Leave(BreakerEntry entry)
    {
        lock (_lock)
        {
            _probing &= !entry.IsProbe;
        }
    }
}

/// <summary>What a batch was let in as by the <see cref="CircuitBreaker"/>.</summary>
/// <param name="Period">The period, open or closed, in which it was let in.</param>
/// <param name="IsProbe">Whether it is the one that tries whether the outage is over.</param>
internal readonly record struct BreakerEntry(long Period, bool IsProbe);
