using Microsoft.Extensions.Logging;
using WriteBehind;

namespace Orleans.WriteBehind.Grains;

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
            return await session.TryFlushAsync(cancellationToken).MayBeLeft().WaitAsync(timeout, cancellationToken).ConfigureAwait(true);
        }
        catch (Exception e) when (e is WriteBehindException or TimeoutException or OperationCanceledException)
        {
            NotFlushed(logger, e, session.Options.Type, session.Id);
            return null;
        }
    }

    /// <summary>
    /// Whether the owner need not try again: the entity is clean; or what it had at the try is rejected by the database, which is left to the
    /// sweep that counts its tries, or no longer counts. What was written since the try is to be tried.
    /// </summary>
    public static bool IsOver<TState>(IEntitySession<TState> session, EntityFlush? flushed, long triedVersion)
        where TState : class
        => !session.IsDirty || (flushed is EntityFlush.Rejected or EntityFlush.Superseded && session.Version == triedVersion);

    [LoggerMessage(1, LogLevel.Debug, "{Type} '{Id}' was not flushed; it stays dirty in Redis.")]
    private static partial void NotFlushed(ILogger logger, Exception error, string type, string id);
}
