using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace WriteBehind.Common;

/// <summary>
/// Runs a round again and again. A round that throws is reported and followed by the next one after a pause: a loop ends only when it
/// is stopped, and its health shows that it goes round.
/// </summary>
/// <param name="name">What it does.</param>
/// <param name="round">One round; returns the pause until the next.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where failures are said.</param>
internal sealed partial class BackgroundLoop(string name, Func<CancellationToken, Task<TimeSpan>> round, TimeProvider time, ILogger logger)
    : IAsyncDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LoopStatus _status = new(name, null, 0, null);

    public LoopStatus Status => Volatile.Read(ref _status);

    /// <summary>Starts it in nobody's context: a loop may be started by its first caller.</summary>
    public void Start() => _running = Detached.RunAsync(RunAsync);

    /// <summary>Begins the next round at once, or right after the one under way.</summary>
    public void Wake() => Volatile.Read(ref _woken).TrySetResult();

    /// <summary>Stops after the round under way.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            TimeSpan pause;
            if (_woken.Task.IsCompleted)
            {
                Volatile.Write(ref _woken, new(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            try
            {
                Volatile.Write(ref _status, Status with { RoundStartedAt = time.GetUtcNow() });
                pause = await round(_stop.Token).ConfigureAwait(false);
                Volatile.Write(ref _status, new LoopStatus(name, time.GetUtcNow(), 0, null));
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The loop must outlive every kind of failure.
            catch (Exception e)
#pragma warning restore CA1031
            {
                var failures = Status.ConsecutiveFailures + 1;
                Volatile.Write(ref _status, Status with { ConsecutiveFailures = failures, LastError = e.Message, RoundStartedAt = null });
                RoundFailed(logger, e, name, failures);
                pause = PauseAfterFailure;
            }

            // Its end, a stop or somebody who wakes it: the loop goes on, or ends, in any case.
            await _woken.Task.WaitAsync(pause, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "A round of '{Loop}' failed ({Failures} in a row); the loop goes on.")]
    private static partial void RoundFailed(ILogger logger, Exception error, string loop, int failures);
}

/// <summary>How loops are doing that are not the engine's own, so that its status and health show them, too.</summary>
internal sealed class OtherLoops
{
    private readonly ConcurrentDictionary<string, LoopStatus> _loops = new(StringComparer.Ordinal);

    public IEnumerable<LoopStatus> Status => _loops.Values.OrderBy(static loop => loop.Name, StringComparer.Ordinal);

    /// <summary>It works.</summary>
    public void Works(string name, DateTimeOffset now) => _loops[name] = new LoopStatus(name, now, 0, null);

    /// <summary>It does not, and goes on trying.</summary>
    public void Fails(string name, string error) => _loops.AddOrUpdate(
        name,
        static (name, error) => new LoopStatus(name, null, 1, error),
        static (_, loop, error) => loop with { ConsecutiveFailures = loop.ConsecutiveFailures + 1, LastError = error },
        error);

    /// <summary>It has ended.</summary>
    public void Ended(string name) => _loops.TryRemove(name, out _);
}

/// <summary>How long to wait before the next try, and when that is.</summary>
internal static class Pauses
{
    /// <summary>Processes of one machine, which share a clock, are not to ask at the same moment.</summary>
    private static readonly int Phase = Random.Shared.Next();

    /// <summary>
    /// Capped exponential backoff with "equal jitter" (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015): half of
    /// the pause is fixed, so that a broken database gets rest, half is random, so that many processes do not return together.
    /// </summary>
    public static TimeSpan Backoff(int failures, TimeSpan start, TimeSpan cap, Random random)
    {
        var full = Doubled(start, failures - 1, cap).TotalMilliseconds;
        return TimeSpan.FromMilliseconds((full / 2) + (random.NextDouble() * full / 2));
    }

    /// <summary>A pause that was doubled so many times, up to a longest one.</summary>
    public static TimeSpan Doubled(TimeSpan pause, int times, TimeSpan longest)
        => TimeSpan.FromMilliseconds(Math.Min(pause.TotalMilliseconds * Math.Pow(2, Math.Min(times, 30)), longest.TotalMilliseconds));

    /// <summary>The pause after this one: twice as long, up to a longest one.</summary>
    public static TimeSpan Longer(TimeSpan pause, TimeSpan longest) => pause * 2 < longest ? pause * 2 : longest;

    /// <summary>
    /// The time until the next beat: this long at most, but for 2 ms. What loops of this process do on the same beat goes over the network
    /// together, and wakes its threads once.
    /// </summary>
    public static TimeSpan UntilBeat(this TimeProvider time, TimeSpan beat)
    {
        var length = time.After(0, beat);
        var left = time.GetElapsedTime(0, length - ((time.GetTimestamp() + Phase) % length));

        // A timer may fire a moment before its time; then the beat is this one.
        return left < TimeSpan.FromMilliseconds(2) ? left + beat : left;
    }

    /// <summary>The local moment that lies so far ahead, as <see cref="TimeProvider.GetTimestamp"/> will show it.</summary>
    public static long In(this TimeProvider time, TimeSpan span) => time.After(time.GetTimestamp(), span);

    /// <summary>The local moment that lies so long after another.</summary>
    public static long After(this TimeProvider time, long moment, TimeSpan span)
        => moment + (long)(span.TotalSeconds * time.TimestampFrequency);
}
