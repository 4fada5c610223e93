using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WriteBehind;
using WriteBehind.Common;
using WriteBehind.Engine;
using WriteBehind.Flushing;

namespace Orleans.WriteBehind.Sweep;

/// <summary>
/// One of the sweep grains. A timer sweeps as often as the types' ages ask for; the reminder sees to it that there is a timer.
/// </summary>
[GrainType("writebehind.sweep")]
internal sealed partial class SweepGrain(
    IWriteBehindEngine engine,
    IEngineControl control,
    IOptions<WriteBehindGrainOptions> options,
    IOptions<ReminderOptions> reminders,
    ILogger<SweepGrain> logger) : Grain, ISweepGrain
{
    private const string Reminder = "sweep";

    /// <summary>How long a turn may take: a deactivation waits for it. A sweep that is cut short goes on with the next turn.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(20);

    /// <summary>
    /// When to look again after something was found: a pass is limited in time, so a large backlog takes several, and should not wait
    /// for the next regular one in between.
    /// </summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    private bool _isRegistered;
    private IGrainTimer? _timer;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _timer = this.RegisterGrainTimer(
            static (grain, cancellation) => grain.SweepAsync(cancellation),
            this,
            new GrainTimerCreationOptions(TimeSpan.Zero, SweepInterval.Of(engine)) { KeepAlive = true });
        return base.OnActivateAsync(cancellationToken);
    }

    public async Task WakeAsync()
    {
        if (!_isRegistered)
        {
            var period = reminders.Value.MinimumReminderPeriod;
            await this.RegisterOrUpdateReminder(Reminder, period, period).ConfigureAwait(true);
            _isRegistered = true;
        }
    }

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        if (this.GetPrimaryKeyLong() < options.Value.SweepGrains)
        {
            await SweepAsync(CancellationToken.None).ConfigureAwait(true);
        }
        else if (await this.GetReminder(Reminder).ConfigureAwait(true) is { } reminder)
        {
            // There are fewer of us since a new configuration.
            await this.UnregisterReminder(reminder).ConfigureAwait(true);
            DeactivateOnIdle();
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        var part = new SweepPart((int)this.GetPrimaryKeyLong(), options.Value.SweepGrains);
        if (part.Index >= part.Of)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LongestTurn);
        try
        {
            var rescued = await control.SweepAsync(part, minAge: null, limit.Token)
                .MayBeAbandoned()
                .WaitAsync(limit.Token).ConfigureAwait(true);
            if (rescued > 0)
            {
                Swept(logger, rescued);
                _timer?.Change(Soon, SweepInterval.Of(engine));
            }
        }
        catch (WriteBehindException e)
        {
            NotSwept(logger, e);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            // The grain is being deactivated, or the database hangs.
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Flushed {Count} entities that no activation flushed in time.")]
    private static partial void Swept(ILogger logger, long count);

    [LoggerMessage(2, LogLevel.Warning, "A sweep did not get through; the next one goes on.")]
    private static partial void NotSwept(ILogger logger, Exception error);
}

/// <summary>
/// Sweeps a part of every type's shards. There is a fixed set of these grains, keyed 0 to <see cref="WriteBehindGrainOptions.SweepGrains"/>
/// less one, each with one reminder: whatever crashed, one of the silos that are left wakes them.
/// </summary>
[Alias("writebehind.sweep")]
internal interface ISweepGrain : IGrainWithIntegerKey, IRemindable
{
    /// <summary>Activates it, and registers its reminder.</summary>
    [Alias("wake")]
    Task WakeAsync();
}

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
        _running = options.Value.Sweeps ? Task.Run(RunAsync, CancellationToken.None) : Task.CompletedTask;
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
