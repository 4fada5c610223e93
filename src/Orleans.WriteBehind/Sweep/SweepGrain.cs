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
