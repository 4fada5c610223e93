using Microsoft.Extensions.Logging;
using WriteBehind;
using WriteBehind.Common;

namespace Orleans.WriteBehind.Storage;

/// <summary>
/// Flushes a dirty entity after its delay, until it is clean. What <see cref="FlushTimer{TState}"/> is for write-behind grains; a storage
/// provider has no say in its grain's lifecycle, so this goes on when the activation is gone.
/// </summary>
internal sealed partial class DelayedFlush<TState>(
    IEntitySession<TState> session, WriteBehindGrainOptions options, TimeProvider time, ILogger logger, CancellationToken stop)
    where TState : class
{
    private readonly FlushPace _pace = new(session.Options);
    private int _isArmed;

    /// <summary>Sees to it that the entity is flushed, if it is dirty.</summary>
    public void Arm()
    {
        if (session.IsDirty && Interlocked.Exchange(ref _isArmed, 1) == 0)
        {
            // Not on the grain's scheduler, which may be gone before the flush is due; nor in the context of the call that arms it.
            _ = Detached.RunAsync(RunAsync);
        }
    }

    private async Task RunAsync()
    {
        var version = 0L;
        try
        {
            EntityFlush? flushed;
            do
            {
                await Task.Delay(_pace.Next(), time, stop).ConfigureAwait(false);
                version = session.Version;
                flushed = await TryFlushAsync().ConfigureAwait(false);
                _pace.Note(flushed);
            }
            while (!FlushTry.IsOver(session, flushed, version));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The silo stops, and the engine drains.
            return;
        }
        finally
        {
            Volatile.Write(ref _isArmed, 0);
        }

        if (session.Version != version)
        {
            // Written during the last try, when it was armed still.
            Arm();
        }
    }

    private async Task<EntityFlush?> TryFlushAsync()
    {
        try
        {
            return await FlushTry.RunAsync(session, options.FlushTimeout, logger, stop).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody awaits this: what is not caught here is never seen, and the entity is left to the sweep.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Failed(logger, e, session.Options.Type, session.Id);
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Error, "The flush of {Type} '{Id}' failed unexpectedly; it stays dirty in Redis, and is tried again.")]
    private static partial void Failed(ILogger logger, Exception error, string type, string id);
}
