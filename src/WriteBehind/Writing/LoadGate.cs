using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Writing;

/// <summary>
/// Lets the look-ups of one type to the database: so many at once, for so long, and behind a circuit breaker of their own. A table that
/// somebody has locked, or a database that stands still, must not have the reads of all types queue up behind it.
/// </summary>
/// <remarks>
/// Only slow failures open the breaker. A database that refuses at once holds nobody up, and is asked again by the next read.
/// </remarks>
internal sealed class LoadGate(EntityTypeOptions options, EngineParts engine)
{
    /// <summary>A failure that took longer than this part of the time-out is a slow one.</summary>
    private const double Slow = 0.25;

    /// <summary>How soon reads find out that the database answers again.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>How long a look-up that was told to end may take to do so.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time = engine.Time;
    private readonly TimeSpan _timeout = engine.Options.LoadTimeout;
    private readonly TypeSlots _slots = engine.SlotsOf(engine.Loads, engine.Options.MaxConcurrentLoads);
    private readonly CircuitBreaker _breaker = new(
        engine.Options.BackoffStart, engine.Options.BackoffCap < LongestPause ? engine.Options.BackoffCap : LongestPause, engine.Time);

    /// <summary>Runs a look-up.</summary>
    /// <exception cref="SinkException">It failed, took too long, or was not begun as the ones before it took too long.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> load)
    {
        if (!_breaker.TryEnter(out var entry))
        {
            throw Failure(
                $"{options.Type} is not looked up in the database at present, as it did not answer in time: {_breaker.LastError}");
        }

        var started = _time.GetTimestamp();
        try
        {
            var loaded = await RunWithinAsync(load).ConfigureAwait(false);
            _breaker.Succeed(entry);
            return loaded;
        }
        catch (SinkException e) when (IsPassing(e.Failure))
        {
            if (_time.GetElapsedTime(started) >= _timeout * Slow)
            {
                _breaker.Fail(entry, e.Message);
            }
            else
            {
                _breaker.Leave(entry);
            }

            throw;
        }
        catch
        {
            // Whatever the database says of a row or a statement, it answers.
            _breaker.Succeed(entry);
            throw;
        }
    }

    private async Task<T> RunWithinAsync<T>(Func<CancellationToken, Task<T>> load)
    {
        // Disposed of with the look-up, which may be left to itself.
        // By the real clock, as the driver's own patience is: another machine is waited for.
        var limit = new CancellationTokenSource(_timeout);
        try
        {
            await _slots.EnterAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            limit.Dispose();
            throw Late("the look-ups before it took all that time", e);
        }

        var running = HoldAsync(load, limit);
        try
        {
            return await running.MayBeAbandoned().WaitAsync(_timeout + Grace).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            throw Late("it does not answer", e);
        }
    }

    /// <summary>The slots are given back when it ends, whoever still waits for it: it has a connection until then.</summary>
    private async Task<T> HoldAsync<T>(Func<CancellationToken, Task<T>> load, CancellationTokenSource limit)
    {
        try
        {
            return await load(limit.Token).ConfigureAwait(false);
        }
        finally
        {
            _slots.Leave();
            limit.Dispose();
        }
    }

    private SinkException Late(string why, Exception cause)
        => Failure(
            $"{options.Type} could not be looked up in the database within {_timeout.TotalSeconds:0.#} s (LoadTimeout): {why}.", cause);

    private SinkException Failure(string message, Exception? cause = null)
        => new(SinkFailure.Timeout, message, entityType: options.Type, cause: cause);

    private static bool IsPassing(SinkFailure failure)
        => failure is SinkFailure.Transient or SinkFailure.Timeout or SinkFailure.Held or SinkFailure.Contention;
}
