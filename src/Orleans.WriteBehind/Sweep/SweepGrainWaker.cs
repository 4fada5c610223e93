using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WriteBehind;
using WriteBehind.Common;

namespace Orleans.WriteBehind.Sweep;

/// <summary>
/// Wakes the sweep grains when a silo has started, and looks now and then that they are awake: a reminder alone comes once a minute
/// at most, and after a crash what is dirty should not wait for it.
/// </summary>
internal sealed partial class SweepGrainWaker(
    IGrainFactory grains,
    IWriteBehindEngine engine,
    IOptions<WriteBehindGrainOptions> options,
    TimeProvider time,
    ILoggerFactory loggers)
    : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    // Operators filter by it, so it stays as it is if the class is called something else.
    private const string LogCategory = "Orleans.WriteBehind.Sweep.SweepKeeper";

    private readonly ILogger _logger = loggers.CreateLogger(LogCategory);
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public void Participate(ISiloLifecycle lifecycle)
        => lifecycle.Subscribe(nameof(SweepGrainWaker), ServiceLifecycleStage.Active, StartAsync, StopAsync);

    public void Dispose() => _stop.Dispose();

    private Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    private async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(SweepInterval.Of(engine) * 2, time);
        try
        {
            do
            {
                for (var i = 0; i < options.Value.SweepGrains; i++)
                {
                    await WakeAsync(i).ConfigureAwait(false);
                }
            }
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    private async Task WakeAsync(int part)
    {
        try
        {
            await grains.GetGrain<ISweepGrain>(part).WakeAsync().MayBeAbandoned().WaitAsync(_stop.Token).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever it is (a silo that just died, reminders that are away), the next round tries again.
        catch (Exception e) when (!_stop.IsCancellationRequested)
#pragma warning restore CA1031
        {
            NotAwake(_logger, e, part);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Sweep grain {Part} can't be woken now; trying again.")]
    private static partial void NotAwake(ILogger logger, Exception error, int part);
}

/// <summary>How often is looked for what nobody flushes.</summary>
internal static class SweepInterval
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A quarter of the shortest maximum age: what nobody flushes is due at half of it, found at three quarters at the latest, and so in
    /// the database before its time.
    /// </summary>
    public static TimeSpan Of(IWriteBehindEngine engine)
    {
        var age = engine.Types.Select(type => engine.OptionsOf(type).MaxAge).DefaultIfEmpty(Longest * 4).Min();
        return TimeSpan.FromTicks(Math.Clamp(age.Ticks / 4, Shortest.Ticks, Longest.Ticks));
    }
}
