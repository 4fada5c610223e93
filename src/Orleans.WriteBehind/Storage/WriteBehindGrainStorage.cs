using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using WriteBehind;

namespace Orleans.WriteBehind.Storage;

/// <summary>
/// The engine as a grain storage provider: a write returns once Redis has it, PostgreSQL follows. The ETag is the entity's version.
/// </summary>
internal sealed partial class WriteBehindGrainStorage(
    string name,
    WriteBehindGrainStorageOptions options,
    StateSessionFactory sessions,
    RedisStateImport? import,
    IActivatorProvider activators,
    IGrainContextAccessor contexts,
    ILogger<WriteBehindGrainStorage> logger) : IGrainStorage
{
    // With each grain's state object, what is known of its version: without it every first write would have to ask the database.
    private readonly ConditionalWeakTable<object, object> _known = [];

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var session = SessionOf(stateName, grainId, grainState);
        var (exists, state) = await session.LoadAsync().ConfigureAwait(false);
        if (!exists && session.Version == 0 && import is not null)
        {
            (exists, state) = await TakeOverAsync(stateName, grainId, session).ConfigureAwait(false);
        }

        Show(grainState, session, exists, state);
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var session = await WriteAsync(
            stateName, grainId, grainState, session => session.SaveAsync(grainState.State!)).ConfigureAwait(false);
        grainState.RecordExists = true;

        // Last, for where it fails the state is acknowledged all the same.
        await session.FinishAsync().ConfigureAwait(false);
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var session = await WriteAsync(
            stateName, grainId, grainState, session => DeleteAsync(stateName, grainId, session)).ConfigureAwait(false);
        Show(grainState, session, exists: false, state: default);
        await session.FinishAsync().ConfigureAwait(false);
    }

    private async Task<IStateSession<T>> WriteAsync<T>(
        string stateName, GrainId grainId, IGrainState<T> grainState, Func<IStateSession<T>, Task> write)
    {
        // Both before the first await, after which this is no longer the activation's own turn: who calls would not be known any more, and
        // a session that is opened then would not know what kind of key the grain has.
        var grain = contexts.GrainContext;
        var session = SessionOf(stateName, grainId, grainState);
        try
        {
            if (!session.IsLoaded || ETagOf(session) != grainState.ETag)
            {
                // The entity tag comes from elsewhere: it migrated with the grain, or the grain was never read, or it is a journaled one,
                // which makes a new state object for each write. The engine confirms it, and it alone decides, whatever the caller says of
                // the record; but where there is none, a row from before write-behind may be there, whose version is 0.
                var version = ParseETag(stateName, grainId, grainState.ETag);
                session.Assume(version, version > 0 || grainState.RecordExists);
            }

            await write(session).ConfigureAwait(false);
            grainState.ETag = ETagOf(session);
            return session;
        }
        catch (Exception e)
        {
            if (options.DeactivateAfterFailure)
            {
                // Conflicts too: Orleans gives the activation up only where the grain lets them out.
                GiveUp(grain, grainId, e);
            }

            if (e is WriteConflictException conflict)
            {
                throw new InconsistentStateException(
                    e.Message, conflict.CurrentVersion.ToString(CultureInfo.InvariantCulture), grainState.ETag, e);
            }

            throw;
        }
    }

    private async Task DeleteAsync<T>(string stateName, GrainId grainId, IStateSession<T> session)
    {
        if (import is not null)
        {
            // A move that was cut off after the save left the old entry open: it must not come back once the tombstone's fence is gone.
            await import.MarkImportedAsync(stateName, grainId).ConfigureAwait(false);
        }

        await session.DeleteAsync().ConfigureAwait(false);
    }

    private async Task<(bool Exists, T? State)> TakeOverAsync<T>(string stateName, GrainId grainId, IStateSession<T> session)
    {
        ImportedState<T>? entry;
        do
        {
            entry = await import!.ReadAsync<T>(stateName, grainId).ConfigureAwait(false);
            if (entry is null)
            {
                return default;
            }

            // While the old entry can still be written and read: what can't be kept here stays there.
            session.Check(entry.State!);
        }
        while (!await import.TryCloseAsync(stateName, grainId, entry.ETag).ConfigureAwait(false));

        var state = entry.State;
        try
        {
            await session.SaveAsync(state!).ConfigureAwait(false);
        }
        catch (WriteConflictException)
        {
            // Another activation was quicker, and what it made of it counts.
            return await session.LoadAsync().ConfigureAwait(false);
        }

        await import.MarkImportedAsync(stateName, grainId).ConfigureAwait(false);
        TakenOver(logger, stateName, grainId, name);
        return (true, state);
    }

    /// <summary>Deactivates the activation whose state in memory is not what was acknowledged; the next call gets one that loads.</summary>
    private void GiveUp(IGrainContext? grain, GrainId grainId, Exception error)
    {
        if (grain is not null && grain.GrainId == grainId)
        {
            NotWritten(logger, error, grainId, name);
            grain.GetComponent<MigrationGuard>()?.GiveUp();

            // Without the error: with it the runtime fails every call that waits for this activation, though none of them has begun. So
            // they are sent on to the next activation, as they are with Orleans' own providers.
            grain.Deactivate(
                new DeactivationReason(DeactivationReasonCode.ApplicationError, $"Its state could not be written: {error.Message}"));
        }
    }

    private IStateSession<T> SessionOf<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => (IStateSession<T>)_known.GetValue(grainState, _ => sessions.Open<T>(stateName, grainId));

    private void Show<T>(IGrainState<T> grainState, IStateSession<T> session, bool exists, T? state)
    {
        grainState.State = exists ? state! : activators.GetActivator<T>().Create();
        grainState.RecordExists = exists;
        grainState.ETag = ETagOf(session);
    }

    private static string? ETagOf<T>(IStateSession<T> session)
        => session.Version == 0 ? null : session.Version.ToString(CultureInfo.InvariantCulture);

    private static long ParseETag(string stateName, GrainId grainId, string? etag)
        => string.IsNullOrEmpty(etag) ? 0
            : long.TryParse(etag, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
            : throw new InconsistentStateException(
                $"The state '{stateName}' of {grainId} has an ETag of another storage provider: it must be read before it is written.",
                storedEtag: null,
                etag);

    [LoggerMessage(1, LogLevel.Information, "State {State} of {Grain} was taken over into storage {Provider}.")]
    private static partial void TakenOver(ILogger logger, string state, GrainId grain, string provider);

    [LoggerMessage(2, LogLevel.Warning, "{Grain} is deactivated, as its state could not be written to storage {Provider}.")]
    private static partial void NotWritten(ILogger logger, Exception error, GrainId grain, string provider);
}
