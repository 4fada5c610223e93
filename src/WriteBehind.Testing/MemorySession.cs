using WriteBehind.Buffer;
using WriteBehind.Flushing;

namespace WriteBehind.Testing;

/// <summary>A session; see the interface. As in the real engine, what it holds is a version with its stamp, never a state.</summary>
internal sealed class MemorySession<TState>(string id, MemoryType<TState> type) : IEntitySession<TState>
    where TState : class
{
    private Knowledge _known = Knowledge.None;
    private long _version;
    private long _flushed;
    private string _epoch = string.Empty;
    private int _loads;

    public EntityTypeOptions Options => type.Options;

    public string Id => id;

    public bool IsLoaded { get; private set; }

    public long Version => Volatile.Read(ref _version);

    public bool Exists { get; private set; }

    public bool IsDirty => IsLoaded && Version > Volatile.Read(ref _flushed);

    /// <summary>In ms, as operations tell their time.</summary>
    long IEntitySession<TState>.KnownAt => _known.KnownAt / TimeSpan.TicksPerMillisecond;

    public async Task<TState?> LoadAsync(CancellationToken cancellationToken = default)
    {
        IsLoaded = false;
        Interlocked.Increment(ref _loads);
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        var loaded = type.Load(id);
        type.Metrics.Loaded(loaded.FromDatabase);
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

    public Task<long> SaveAsync(TState state) => SaveAsync(state, 1, null);

    public Task<long> DeleteAsync() => DeleteAsync(1, null);

    Task<long> IEntitySession<TState>.SaveAsync(
        TState state, IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations)
        => SaveAsync(state, waitingSince.Count, operations);

    Task<long> IEntitySession<TState>.DeleteAsync(IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations)
        => DeleteAsync(waitingSince.Count, operations);

    async Task<OperationAnswer?> IEntitySession<TState>.FindAsync(OperationKey operation)
    {
        await Network.TripAsync(CancellationToken.None).ConfigureAwait(false);
        return Find([operation])[0].Memo is { } memo
            ? new OperationAnswer(memo.Version, memo.Result ?? default, IsRepeat: true)
            : null;
    }

    public async Task<EntityFlush> TryFlushAsync(CancellationToken cancellationToken = default)
    {
        var mark = Mark();
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        var result = type.Flusher.Flush(id);
        return result.Error is BufferUnavailableException away ? throw away : Take(result, mark);
    }

    public async Task WriteThroughAsync(CancellationToken cancellationToken = default)
    {
        var mark = Mark();
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        type.Flusher.WriteThrough(id, new Knowledge(mark.Version, 0, mark.Epoch));
        Flushed(mark);
    }

    public void ThrowIfUnsavable(TState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _ = type.Codec.Encode(id, state);
    }

    public void ThrowIfRefusing() => type.ThrowIfRefusing(id);

    IFlushTimer IEntitySession<TState>.OpenFlushTimer(Action? superseded)
        => new MemoryTimer(type, id, () => IsDirty, () => Told(superseded));

    /// <summary>The entity was flushed, by whomever; returns whether there is nothing left to flush.</summary>
    private bool Told(Action? superseded)
    {
        var mark = Mark();
        var flushed = Take(type.Flusher.Look(id), mark);
        if (flushed == EntityFlush.Superseded && Version == mark.Version)
        {
            superseded?.Invoke();
        }

        return !IsDirty || (flushed is EntityFlush.Rejected or EntityFlush.Superseded && Version == mark.Version);
    }

    private SessionMark Mark() => new(Volatile.Read(ref _loads), Version, Volatile.Read(ref _epoch));

    private EntityFlush Take(FlushItem result, SessionMark mark)
    {
        var flushed = Judge(result, mark);
        if (flushed == EntityFlush.Saved)
        {
            Flushed(mark);
        }

        return flushed;
    }

    /// <summary>
    /// What a flush's result means for what this session holds. "Not dirty" may also say that the servers were emptied, and "set aside"
    /// that a newer row counts.
    /// </summary>
    private EntityFlush Judge(FlushItem result, SessionMark mark)
    {
        if (result.IsPassing)
        {
            return EntityFlush.Pending;
        }

        switch (result.Outcome)
        {
            case FlushOutcome.Clean when mark.Version > Volatile.Read(ref _flushed):
                var stored = type.LoadVersion(id, needsPresence: false).Known;
                return stored.Epoch == mark.Epoch && stored.Version >= mark.Version && stored.Version <= Version
                    ? EntityFlush.Saved
                    : EntityFlush.Superseded;
            case FlushOutcome.Dead:
                var kept = type.LoadVersion(id, needsPresence: false).Known;
                return kept.Epoch == mark.Epoch && kept.Version == mark.Version && !kept.IsContested
                    ? EntityFlush.Rejected
                    : EntityFlush.Superseded;
            default:
                return result.IsSaved ? EntityFlush.Saved : EntityFlush.Rejected;
        }
    }

    private async Task<long> SaveAsync(TState state, int callers, IReadOnlyList<KeptAnswer>? operations)
    {
        ArgumentNullException.ThrowIfNull(state);

        // Before anything is awaited: the owner may change the state from then on.
        var payload = type.Codec.Encode(id, state);
        await Network.TripAsync(CancellationToken.None).ConfigureAwait(false);
        return Write(payload, callers, operations);
    }

    private async Task<long> DeleteAsync(int callers, IReadOnlyList<KeptAnswer>? operations)
    {
        await Network.TripAsync(CancellationToken.None).ConfigureAwait(false);
        if (Exists || !IsLoaded || operations is not null)
        {
            return Write(null, callers, operations);
        }

        // Nothing is there, but a session that is behind must be told all the same.
        Confirm();
        return Version;
    }

    private long Write(byte[]? payload, int callers, IReadOnlyList<KeptAnswer>? operations)
    {
        if (!IsLoaded)
        {
            throw new InvalidOperationException(
                $"The session of {Options.Type} '{id}' does not know its version: load it before saving.");
        }

        PendingMemo[]? memos = operations is null
            ? null
            : [.. operations.Select(kept => new PendingMemo(kept.Operation, new OperationMemo(Version + 1, kept.Answer)))];
        for (var attempt = 0; ; attempt++)
        {
            WriteReply reply;
            try
            {
                reply = type.Write(id, _known, payload, memos: memos);
            }
            catch (BufferUnavailableException e) when (e.OutcomeUnknown)
            {
                IsLoaded = false;
                throw;
            }

            switch (reply.Status)
            {
                case WriteStatus.Ok:
                    type.Metrics.BufferWrite();
                    for (var i = 0; i < callers; i++)
                    {
                        type.Metrics.Acknowledged(type.Servers.Time.GetTimestamp());
                    }

                    Know(reply.Known, payload is not null);
                    return Version;
                case WriteStatus.Full:
                    type.Metrics.Refused(callers);
                    throw new BufferFullException(Options.Type, id, Options.MaxDirty);
                case WriteStatus.Conflict:
                    throw Conflict(reply.Known.Version);
                case WriteStatus.Known:
                    // Somebody else carried one of them out, or there is doubt about it.
                    IsLoaded = false;
                    Find([.. operations!.Select(static kept => kept.Operation)]);
                    throw Conflict(Version);
                default:
                    Confirm();
                    break;
            }
        }
    }

    /// <summary>What is known is too old to go without: the table says whether it still holds.</summary>
    private void Confirm()
    {
        var loaded = type.LoadVersion(id, needsPresence: !Exists);
        type.Metrics.Loaded(loaded.FromDatabase);

        // As in the real engine: what this session wrote last may be lost, and of a deleted entity nothing is left but "absent".
        var isLost = IsDirty && loaded.Known.Epoch != _known.Epoch;
        var isAbsent = !Exists && !loaded.Exists && loaded.Known.Version <= Version;
        var isThere = !Exists && loaded.Exists;
        if (isLost || isThere || loaded.Known.IsContested || (loaded.Known.Version != Version && !isAbsent))
        {
            throw Conflict(loaded.Known.Version);
        }

        _known = loaded.Known with { Version = Version };
    }

    /// <exception cref="WriteBehindException">One of them is neither known nor new.</exception>
    private MemoReply[] Find(IReadOnlyList<OperationKey> operations)
    {
        var found = type.FindOperations(id, operations);
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i].Memo is null && !found[i].IsNew)
            {
                throw found[i].Error(Options.Type, id, operations[i]);
            }
        }

        return found;
    }

    private void Know(Knowledge known, bool exists)
    {
        (_known, Exists) = (known, exists);
        Volatile.Write(ref _epoch, known.Epoch);
        Volatile.Write(ref _version, known.Version);
    }

    private void Flushed(SessionMark mark)
    {
        lock (type.Servers.Gate)
        {
            if (mark.Load == _loads)
            {
                _flushed = Math.Max(_flushed, mark.Version);
            }
        }
    }

    private WriteConflictException Conflict(long current)
    {
        IsLoaded = false;
        type.Metrics.Conflict();
        return new WriteConflictException(Options.Type, id, Version, current);
    }

    /// <summary>What the session held when a flush began.</summary>
    /// <param name="Load">Its how many-th load that was.</param>
    /// <param name="Version">The version.</param>
    /// <param name="Epoch">The epoch of the servers.</param>
    private readonly record struct SessionMark(int Load, long Version, string Epoch);
}

/// <summary>
/// The flush timer of a session. Time flushes whole types (<see cref="MemoryFlusher.Schedule"/>); this one only waits to be told of it.
/// </summary>
/// <param name="type">The entity type.</param>
/// <param name="id">The entity.</param>
/// <param name="isDirty">Whether the session holds what the database lacks.</param>
/// <param name="told">Looks what a flush came to; whether nothing is left to flush.</param>
internal sealed class MemoryTimer(MemoryType type, string id, Func<bool> isDirty, Func<bool> told) : IFlushTimer
{
    public string Id => id;

    public bool IsArmed
    {
        get
        {
            lock (type.Servers.Gate)
            {
                return type.Data.Timers.Contains(this);
            }
        }
    }

    public void Arm()
    {
        if (isDirty())
        {
            lock (type.Servers.Gate)
            {
                type.Data.Timers.Add(this);
            }
        }
    }

    public void Drop()
    {
        lock (type.Servers.Gate)
        {
            type.Data.Timers.Remove(this);
        }
    }

    /// <summary>The entity was flushed, or a flush was tried.</summary>
    public void Told()
    {
        try
        {
            if (told())
            {
                Drop();
            }
        }
        catch (WriteBehindException)
        {
            // A server is away. The next flush tells it.
        }
    }
}
