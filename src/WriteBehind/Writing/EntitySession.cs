using System.Diagnostics;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Writing;

/// <summary>A session; see the interface. What it holds is a version with its stamp, never a state.</summary>
internal sealed class EntitySession<TState>(
    string id, TypeParts<TState> parts, EntityLoader<TState> loader, EntityWriter writer, FlushWaiter waiter, FlushWheel wheel)
    : IEntitySession<TState>
    where TState : class
{
    // Touched by loads and saves alone, one at a time. Version and flush mark are read by flushes beside them.
    private Knowledge _known = Knowledge.None;
    private long _version;
    private long _flushed;
    private string _epoch = string.Empty;
    private int _loads;

    public EntityTypeOptions Options => parts.Options;

    public string Id => id;

    public bool IsLoaded { get; private set; }

    public long Version => Volatile.Read(ref _version);

    public bool Exists { get; private set; }

    public bool IsDirty => IsLoaded && Version > Volatile.Read(ref _flushed);

    public async Task<TState?> LoadAsync(CancellationToken cancellationToken = default)
    {
        IsLoaded = false;
        Interlocked.Increment(ref _loads);
        var loaded = await loader.LoadAsync(id).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        parts.Metrics.Loaded(loaded.FromDatabase);
        Know(loaded.Known, loaded.State is not null);
        Volatile.Write(ref _flushed, loaded.IsClean ? Version : Version - 1);
        IsLoaded = true;
        return loaded.State;
    }

    public void Assume(long version, bool exists)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        Know(new Knowledge(version, 0, string.Empty), exists);
        Volatile.Write(ref _flushed, version);
        IsLoaded = true;
    }

    public Task<long> SaveAsync(TState state) => SaveAsync(state, [parts.Time.GetTimestamp()]);

    /// <inheritdoc />
    public void Note(Activity? activity) => parts.Traces.Note(id, activity);

    public long KnownAt => _known.KnownAt;

    public Task<long> SaveAsync(TState state, IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        byte[] payload;
        try
        {
            // Before anything is awaited: the owner may change the state from then on.
            payload = parts.Codec.Encode(id, state);
        }
        catch (PayloadException e)
        {
            return Task.FromException<long>(e);
        }

        return WriteAsync(payload, waitingSince, operations);
    }

    public Task<long> DeleteAsync() => DeleteAsync([parts.Time.GetTimestamp()]);

    public async Task<long> DeleteAsync(IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations = null)
    {
        if (Exists || !IsLoaded || operations is not null)
        {
            return await WriteAsync(null, waitingSince, operations).ConfigureAwait(false);
        }

        // A tombstone would cost a write and a day of fence for no row. But a session that is behind must be told all the same.
        await ConfirmAsync().ConfigureAwait(false);
        return Version;
    }

    public async Task<OperationAnswer?> FindAsync(OperationKey operation)
    {
        var found = await FindAsync([operation]).ConfigureAwait(false);
        return found[0].Memo is { } memo ? new OperationAnswer(memo.Version, memo.Result ?? default, IsRepeat: true) : null;
    }

    public async Task<EntityFlush> TryFlushAsync(CancellationToken cancellationToken = default)
    {
        // Before the claim reads what to save: what is written meanwhile stays dirty here.
        var mark = Mark();
        var result = await waiter.FlushOnceAsync(id, cancellationToken).ConfigureAwait(false);
        return await TakeAsync(result, mark, cancellationToken).ConfigureAwait(false);
    }

    public IFlushTimer OpenFlushTimer(Action? superseded = null) => new FlushTimer<TState>(this, wheel, parts.Logger, superseded);

    /// <summary>What it holds, for the flush that begins.</summary>
    public FlushMark Mark() => new(Volatile.Read(ref _loads), Version, Volatile.Read(ref _epoch));

    /// <summary>Takes note of what came of a flush that began at the mark.</summary>
    public async ValueTask<EntityFlush> TakeAsync(FlushItem result, FlushMark mark, CancellationToken cancellationToken)
    {
        var flushed = await JudgeAsync(result, mark.Version, mark.Epoch, cancellationToken).ConfigureAwait(false);
        if (flushed == EntityFlush.Saved)
        {
            Flushed(mark.Load, mark.Version);
        }

        return flushed;
    }

    /// <summary>
    /// Whether the owner need not try again: the entity is clean; or what it had at the try is rejected by the database, which is left to
    /// the sweep that counts its tries, or no longer counts. What was written since the try is to be tried.
    /// </summary>
    public bool IsOver(EntityFlush? flushed, long triedVersion)
        => !IsDirty || (flushed is EntityFlush.Rejected or EntityFlush.Superseded && Version == triedVersion);

    public async Task WriteThroughAsync(CancellationToken cancellationToken = default)
    {
        // Before the claim reads what to save, as above.
        var mark = Mark();
        await waiter.WriteThroughAsync(id, new Knowledge(mark.Version, 0, mark.Epoch), cancellationToken).ConfigureAwait(false);
        Flushed(mark.Load, mark.Version);
    }

    public void ThrowIfUnsavable(TState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _ = parts.Codec.Encode(id, state);
    }

    public void ThrowIfRefusing()
    {
        if (parts.Pressure.IsAway(id))
        {
            throw new BufferUnavailableException(
                $"{parts.Options.Type} '{id}' was not written: Redis does not answer at present.",
                outcomeUnknown: false,
                parts.Options.Type,
                id);
        }

        if (!IsDirty && parts.Pressure.IsFull(id))
        {
            parts.Metrics.Refused(1);
            throw new BufferFullException(parts.Options.Type, id, parts.Options.MaxDirty);
        }
    }

    /// <summary>
    /// What a flush's result means for what this session holds. "Not dirty" may also say that Redis lost the write, and "set aside" that a
    /// newer row counts: only what is known now tells.
    /// </summary>
    private async ValueTask<EntityFlush> JudgeAsync(FlushItem result, long version, string epoch, CancellationToken cancellationToken)
    {
        if (result.IsPassing)
        {
            return EntityFlush.Pending;
        }

        switch (result.Outcome)
        {
            case FlushOutcome.Lost:
                return EntityFlush.Superseded;
            case FlushOutcome.Clean when version > Volatile.Read(ref _flushed):
                var stored = await LoadKnownAsync(cancellationToken).ConfigureAwait(false);

                // Between the version tried and what this session has written since; beyond that somebody else has written.
                return stored.Epoch == epoch && stored.Version >= version && stored.Version <= Version
                    ? EntityFlush.Saved
                    : EntityFlush.Superseded;
            case FlushOutcome.Dead:
                var kept = await LoadKnownAsync(cancellationToken).ConfigureAwait(false);
                return kept.Epoch == epoch && kept.Version == version && !kept.IsContested ? EntityFlush.Rejected : EntityFlush.Superseded;
            default:
                return result.IsSaved ? EntityFlush.Saved : EntityFlush.Rejected;
        }
    }

    private async Task<Knowledge> LoadKnownAsync(CancellationToken cancellationToken)
        => (
            await loader.LoadVersionAsync(id, needsPresence: false)
                .MayBeAbandoned()
                .WaitAsync(cancellationToken).ConfigureAwait(false)).Known;

    /// <exception cref="WriteBehindException">One of them is neither known nor new.</exception>
    private async Task<MemoReply[]> FindAsync(IReadOnlyList<OperationKey> operations)
    {
        var found = await parts.Buffer.Memos.FindAsync(id, operations, CancellationToken.None).ConfigureAwait(false);
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i].Memo is null && !found[i].IsNew)
            {
                throw found[i].Error(parts.Options.Type, id, operations[i]);
            }
        }

        return found;
    }

    private async Task<long> WriteAsync(byte[]? payload, IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations)
    {
        if (!IsLoaded)
        {
            throw new InvalidOperationException(
                $"The session of {parts.Options.Type} '{id}' does not know its version: load it before saving.");
        }

        for (var attempt = 0; ; attempt++)
        {
            WriteReply reply;
            try
            {
                reply = await writer.WriteAsync(id, _known, payload, memos: MemosOf(operations)).ConfigureAwait(false);
            }
            catch (BufferUnavailableException e) when (e.OutcomeUnknown)
            {
                IsLoaded = false;
                throw;
            }

            switch (reply.Status)
            {
                case WriteStatus.Ok:
                    parts.Metrics.BufferWrite();
                    foreach (var since in waitingSince)
                    {
                        parts.Metrics.Acknowledged(since);
                    }

                    Know(reply.Known, payload is not null);
                    return Version;
                case WriteStatus.Full:
                    parts.Metrics.Refused(waitingSince.Count);
                    throw new BufferFullException(parts.Options.Type, id, parts.Options.MaxDirty);
                case WriteStatus.Conflict:
                    throw Conflict(reply.Known.Version);
                case WriteStatus.Unconfirmed when attempt >= parts.Engine.Options.MaxUpdateRetries:
                    throw UnconfirmedVersion.Error(parts.Options, id, attempt);
                case WriteStatus.Known:
                    // Somebody else carried one of them out, or there is doubt about it. Whatever it is, the caller's state is of no use.
                    IsLoaded = false;
                    await FindAsync([.. operations!.Select(static kept => kept.Operation)]).ConfigureAwait(false);
                    throw Conflict(Version);
                default:
                    await ConfirmAsync().ConfigureAwait(false);
                    break;
            }
        }
    }

    /// <summary>
    /// Neither state nor fence in Redis, and what is known is too old to go without: the database says whether it still holds.
    /// </summary>
    private async Task ConfirmAsync()
    {
        var loaded = await loader.LoadVersionAsync(id, needsPresence: !Exists).ConfigureAwait(false);
        parts.Metrics.Loaded(loaded.FromDatabase);

        // A Redis that lost what this session wrote last, and others who wrote since, up to the same number: equal versions say nothing
        // then.
        var isLost = IsDirty && loaded.Known.Epoch != _known.Epoch;

        // Of a deleted entity nothing is left once its fence has expired: "absent" then is the same at whatever version.
        var isAbsent = !Exists && !loaded.Exists && loaded.Known.Version <= Version;

        // A row from before may have version 0, as what is absent has.
        var isThere = !Exists && loaded.Exists;
        // As where another program gave the row the version of a write of this session, which was set aside for that.
        if (isLost || isThere || loaded.Known.IsContested || (loaded.Known.Version != Version && !isAbsent))
        {
            throw Conflict(loaded.Known.Version);
        }

        _known = loaded.Known with { Version = Version };
    }

    /// <summary>What is kept of operations that go with the next write.</summary>
    private PendingMemo[]? MemosOf(IReadOnlyList<KeptAnswer>? operations)
        => operations is null
            ? null
            : [.. operations.Select(kept => new PendingMemo(kept.Operation, new OperationMemo(Version + 1, kept.Answer)))];

    private void Know(Knowledge known, bool exists)
    {
        (_known, Exists) = (known, exists);
        Volatile.Write(ref _epoch, known.Epoch);
        Volatile.Write(ref _version, known.Version);
    }

    /// <summary>Two flushes may end in any order, and after another load.</summary>
    private void Flushed(int load, long version)
    {
        if (load == Volatile.Read(ref _loads))
        {
            InterlockedMax(ref _flushed, version);
        }
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (var seen = Volatile.Read(ref target); seen < value;)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    private WriteConflictException Conflict(long current)
    {
        IsLoaded = false;
        parts.Metrics.Conflict();
        return new WriteConflictException(parts.Options.Type, id, Version, current);
    }
}
