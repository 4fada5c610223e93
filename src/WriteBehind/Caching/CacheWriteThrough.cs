using Microsoft.Extensions.Logging;
using WriteBehind.Common;

namespace WriteBehind.Caching;

/// <summary>Writes a row, and then its cache entry.</summary>
/// <remarks>
/// <para>Database first, then cache, is stale for ever where the writer dies, or Redis goes away, between the two. So it begins in
/// Redis after all, with a mark: the entry's content goes, in the first level of every node too, and until the mark is taken away or
/// ends, readers ask the database and store nothing. Whatever happens from then on, nothing old can come back:</para>
/// <para>0. Look the row's version up: a write that fails here, with the database away or on an outdated version, takes no good entry from
/// its readers. 1. Mark. Redis away: nothing was written, the caller is told. 2. Write the row, guarded by its version, and by a deadline
/// that the database's own clock judges and that lies before the mark's end: a write that hangs can't happen after it. 3. Store the new
/// state and take the mark away, in one step; where another writer or an invalidation came in between, store nothing. Redis away, or this
/// process dead: the mark ends by itself, and finds an empty entry.</para>
/// </remarks>
internal sealed partial class CacheWriteThrough<TState>(
    CacheParts parts, IEntitySink<TState> sink, ReadThroughOptions<TState> options, int maxRetries)
    where TState : class
{
    private readonly DatabaseClock _clock = new(sink.ReadClockAsync, parts.Time);

    /// <summary>Writes a state, or with null deletes the row. Returns the version.</summary>
    public async Task<long> WriteAsync(string id, TState? state, long? expected, CancellationToken cancellationToken)
    {
        // Before anything is touched: what can't be tagged is the caller's mistake; and a state that can't be encoded is saved, but not
        // cached.
        var tags = state is null ? [] : RowTags.Of(options, state);
        var payload = state is null ? null : parts.Codec.Encode(id, state);
        var life = WriteMark.LifeOf(options.WriteTimeout);
        var token = RandomToken.Next();

        // The clock is read before the mark is set, so the deadline lies before the mark's end whatever the two clocks show.
        var clock = await _clock.ReadAsync(cancellationToken).ConfigureAwait(false);
        var current = await LookUpAsync(id, expected, cancellationToken).ConfigureAwait(false);
        var deadline = _clock.DeadlineFrom(clock, life);
        var stamp = await MarkAsync(id, token, life, cancellationToken).ConfigureAwait(false);
        EntryFill? fill = null;
        var inDoubt = false;
        try
        {
            var version = await SaveAsync(id, state, current, expected, deadline, cancellationToken).ConfigureAwait(false);
            var ttl = state is null ? options.NegativeTtl : parts.Loads.Jittered(options.Ttl);
            fill = (state is null || payload is not null) && ttl > TimeSpan.Zero
                ? new EntryFill(id, stamp, version, ttl, payload, TimeSpan.Zero, tags)
                : null;
            return version;
        }
        catch (Exception e)
        {
            inDoubt = e is not (WriteConflictException or OperationCanceledException or SinkException { OutcomeUnknown: false });
            _clock.Forget();
            throw;
        }
        finally
        {
            await CompleteAsync(id, token, stamp, fill, inDoubt).ConfigureAwait(false);
        }
    }

    private async Task<long> MarkAsync(string id, string token, TimeSpan life, CancellationToken cancellationToken)
    {
        parts.Local.Drop(id);
        try
        {
            return await parts.Store.MarkAsync(id, token, life, cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            throw new BufferUnavailableException(
                $"{options.Name} '{id}' was not written: the cache could not be told beforehand, and would go on giving the old value. " +
                $"{e.Message}",
                outcomeUnknown: false,
                options.Name,
                id,
                e);
        }
        finally
        {
            parts.Local.Drop(id);
        }
    }

    /// <summary>The row's version before anything is touched; null where there is no row.</summary>
    private async Task<long?> LookUpAsync(string id, long? expected, CancellationToken cancellationToken)
    {
        try
        {
            return await LoadVersionAsync(id, expected, cancellationToken).ConfigureAwait(false);
        }
        catch (WriteConflictException e)
        {
            await RefuteAsync(id, e.CurrentVersion).ConfigureAwait(false);
            throw;
        }
        catch (SinkException)
        {
            _clock.Forget();
            throw;
        }
    }

    private async Task<long?> LoadVersionAsync(string id, long? expected, CancellationToken cancellationToken)
    {
        var rows = await sink.LoadVersionsAsync([id], cancellationToken).ConfigureAwait(false);
        long? current = rows.Count == 0 ? null : rows[0].Version;
        return expected is { } awaited && awaited != (current ?? 0)
            ? throw new WriteConflictException(options.Name, id, awaited, current ?? 0)
            : current;
    }

    /// <summary>
    /// Removes the entry where it is not of the row's version: who got the outdated version from it would read it there again, and again
    /// be refused. One that is of this version stays.
    /// </summary>
    private async Task RefuteAsync(string id, long current)
    {
        parts.Local.Drop(id);
        try
        {
            var entry = (await parts.Store.ReadAsync([new EntryRequest(id, ReadMode.Look, 0)]).ConfigureAwait(false))[0]
                ?? StoredEntry.Unknown;
            if (entry.Status is EntryStatus.Hit or EntryStatus.Stale or EntryStatus.Paused && (entry.Version ?? 0) != current)
            {
                await parts.Invalidator.RemoveAsync([id], CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (BufferUnavailableException)
        {
            // The conflict is what the caller has to know. This process has dropped the entry from its first level.
        }
    }

    private async Task<long> SaveAsync(
        string id, TState? state, long? current, long? expected, DateTimeOffset deadline, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            // What was looked up before the mark may be outdated by now. A save finds that out, since it is guarded by the version, but not
            // where the row was deleted meanwhile; and that there is nothing to delete is stored without another look.
            if (attempt > 0 || expected is not null || (state is null && current is null))
            {
                current = await LoadVersionAsync(id, expected, cancellationToken).ConfigureAwait(false);
            }

            if (state is null && current is null)
            {
                return 0;
            }

            var version = (current ?? 0) + 1;
            cancellationToken.ThrowIfCancellationRequested();
            var results = await sink.SaveAsync(
                [new SaveItem<TState>(id, version, state)], deadline, options.WriteTimeout, CancellationToken.None).ConfigureAwait(false);
            switch (results[0].Outcome)
            {
                case SaveOutcome.Applied:
                    return version;
                case SaveOutcome.AlreadyThere when state is null:
                    // Somebody else deleted it.
                    return version - 1;
                case SaveOutcome.AlreadyThere or SaveOutcome.Fenced when expected is null && attempt < maxRetries:
                    // Somebody else wrote in between. This write goes on top of it.
                    break;
                case SaveOutcome.AlreadyThere or SaveOutcome.Fenced:
                    throw new WriteConflictException(options.Name, id, version - 1, Math.Max(results[0].StoredVersion, version));
                case SaveOutcome.Expired:
                    throw new SinkException(
                        SinkFailure.Timeout,
                        $"{options.Name} '{id}' was not written: PostgreSQL did not take it within {options.WriteTimeout} (WriteTimeout).",
                        null,
                        options.Name,
                        id);
                default:
                    throw new SinkException(
                        SinkFailure.Entity,
                        $"{options.Name} '{id}' was not written: {results[0].Error?.Message}",
                        null,
                        options.Name,
                        id,
                        results[0].Error);
            }
        }
    }

    /// <summary>Takes the mark away, unless the row may still be about to change.</summary>
    private async Task CompleteAsync(string id, string token, long stamp, EntryFill? fill, bool inDoubt)
    {
        parts.Local.Drop(id);
        if (inDoubt)
        {
            return;
        }

        try
        {
            await parts.Store.CompleteAsync(id, token, stamp, fill).ConfigureAwait(false);
            parts.Metrics.Sent();
        }
        catch (BufferUnavailableException e)
        {
            // PostgreSQL has it, and that is what was promised. The mark keeps old values out until it ends.
            parts.Metrics.RedisFailed();
            LeftInDoubt(parts.Logger, e, options.Name, id, WriteMark.LifeOf(options.WriteTimeout));
        }
    }

    [LoggerMessage(
        1, LogLevel.Warning,
        "'{Id}' of cache '{Cache}' is in PostgreSQL, but Redis could not be told; it is read past the cache for up to {Life}.")]
    private static partial void LeftInDoubt(ILogger logger, Exception error, string cache, string id, TimeSpan life);
}

/// <summary>The tags of a state.</summary>
internal static class RowTags
{
    /// <exception cref="ArgumentException">One of them can be no tag.</exception>
    public static IReadOnlyCollection<string> Of<TState>(ReadThroughOptions<TState> options, TState state)
        where TState : class
    {
        if (options.TagsOf is null)
        {
            return [];
        }

        string[] tags = [.. options.TagsOf(state)];
        TagText.Check(tags);
        return tags;
    }
}
