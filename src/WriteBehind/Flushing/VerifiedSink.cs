using Microsoft.Extensions.Logging;

namespace WriteBehind.Flushing;

/// <summary>
/// Saves nothing before table and database were verified: at the start, or where the database was away then, when it is there for the first
/// save. Loads need no such care, they change nothing.
/// </summary>
/// <param name="sink">The sink.</param>
/// <param name="type">The entity type.</param>
/// <param name="found">Is told which database it is; throws where it is the wrong one.</param>
/// <param name="logger">Where it says what it found late.</param>
internal sealed partial class VerifiedSink<TState>(
    IEntitySink<TState> sink, string type, Func<DatabaseIdentity, CancellationToken, Task> found, ILogger logger) : IEntitySink<TState>
    where TState : class
{
    private bool _verified;
    private string? _told;

    public string Description => sink.Description;

    public async Task VerifyAsync(CancellationToken cancellationToken)
    {
        await sink.VerifyAsync(cancellationToken).ConfigureAwait(false);
        if (await sink.IdentifyAsync(cancellationToken).ConfigureAwait(false) is { } identity)
        {
            await found(identity, cancellationToken).ConfigureAwait(false);
        }

        Volatile.Write(ref _verified, true);
    }

    public Task<DatabaseIdentity?> IdentifyAsync(CancellationToken cancellationToken) => sink.IdentifyAsync(cancellationToken);

    public async Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
    {
        await EnsureVerifiedAsync(cancellationToken).ConfigureAwait(false);
        return await sink.ReadClockAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await EnsureVerifiedAsync(cancellationToken).ConfigureAwait(false);
        return await sink.SaveAsync(items, deadline, timeout, cancellationToken).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => sink.LoadAsync(ids, cancellationToken);

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => sink.LoadVersionsAsync(ids, cancellationToken);

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => sink.LoadAgainAsync(ids, cancellationToken);

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => sink.LoadVersionsAgainAsync(ids, cancellationToken);

    public string? CheckId(string id) => sink.CheckId(id);

    public string? CheckState(TState state) => sink.CheckState(state);

    public string? CheckEveryState(TState state) => sink.CheckEveryState(state);

    private async ValueTask EnsureVerifiedAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _verified))
        {
            return;
        }

        try
        {
            await VerifyAsync(cancellationToken).ConfigureAwait(false);
            Late(logger, type, sink.Description);
        }
        catch (ConfigurationException e)
        {
            if (Interlocked.Exchange(ref _told, e.Message) != e.Message)
            {
                Wrong(logger, e, type);
            }

            // No entity is to blame, so it counts as an outage: the breaker looks again, and all is flushed once it is mended.
            throw new SinkException(
                SinkFailure.Transient, $"Nothing of '{type}' is saved until this is mended: {e.Message}", entityType: type, cause: e);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The database is there; {Type} is saved to {Sink}.")]
    private static partial void Late(ILogger logger, string type, string sink);

    [LoggerMessage(2, LogLevel.Critical, "{Type} can't be saved as it is configured; its writes wait in Redis until this is mended.")]
    private static partial void Wrong(ILogger logger, Exception error, string type);
}
