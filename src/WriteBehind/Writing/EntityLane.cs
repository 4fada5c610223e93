using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Writing;

/// <summary>
/// The changes of one entity in this process, one after the other. Changes that arrive while a write is under way are applied in order
/// to the state it writes and share the next write: a hot entity costs one Redis write per round trip, not one per call. A lane lives
/// only while it has work.
/// </summary>
/// <remarks>
/// <para>Each change has a version of its own, though only the last one's is stored: a caller who names the version of its change must be
/// refused where another change came on top of it, also within the same write.</para>
/// <para>A function that throws gives an answer too ("none left"), and an answer must not rest on what is not acknowledged. So its error
/// counts only where it saw an acknowledged state, freshly loaded: where others' changes came before it in the same write, these are
/// written first, and the function is run again on what is there then, whatever became of them.</para>
/// <para>The state in memory is never trusted beyond a failure: after a conflict, an error or an unknown outcome it is loaded again before
/// anything else happens, because a change function may have altered it in place and because somebody else may have written.</para>
/// <para>What the process wrote last is remembered beyond the lane (<see cref="RecentWrites"/>), and a lane begins with that.</para>
/// </remarks>
internal sealed class EntityLane<TState>(
    string id, TypeParts<TState> parts, EntityLoader<TState> loader, EntityWriter writer, Func<EntityLane<TState>, bool> retire)
    where TState : class
{
    /// <summary>The most changes that share one write: bounds how long the first of them waits for the others' functions to run.</summary>
    private const int MaxGroup = 1024;

    /// <summary>
    /// The most changes that may wait for one entity. Beyond it callers are refused at once: they would only wait to time out.
    /// </summary>
    internal const int MaxWaiting = 64 * MaxGroup;

    private readonly Lock _lock = new();
    private readonly LaneRepeats<TState> _repeats = new(parts, id);
    private readonly Queue<LaneOperation<TState>> _waiting = new();

    /// <summary>
    /// Changes that were taken with others, and go on once these are written; null where there were none. Only the loop touches it.
    /// </summary>
    private Queue<LaneOperation<TState>>? _deferred;

    private bool _running;
    private bool _retired;

    public string Id => id;

    /// <summary>Puts a change in the row; false where the lane has retired and a new one is needed.</summary>
    public bool TryEnqueue(LaneOperation<TState> operation)
    {
        lock (_lock)
        {
            if (_retired)
            {
                return false;
            }

            if (_waiting.Count >= MaxWaiting)
            {
                throw new BufferUnavailableException(
                    $"{parts.Options.Type} '{id}' was not written: {MaxWaiting} changes wait for it already. Redis can't keep up or does " +
                    "not answer; slow down and try again.",
                    entityType: parts.Options.Type,
                    entityId: id);
            }

            _waiting.Enqueue(operation);
            if (_running)
            {
                return true;
            }

            _running = true;
        }

        Detached.Start(static lane => lane.RunAsync(), this);
        return true;
    }

    private async Task RunAsync()
    {
        var last = parts.Recent.Find(id);
        while (TakeGroup() is { Count: > 0 } group)
        {
            try
            {
                last = await WriteGroupAsync(group, last).ConfigureAwait(false);
            }
            catch (PayloadException e) when (e.Problem is PayloadProblem.NotSerializable or PayloadProblem.TooLarge && group.Count > 1)
            {
                // One of them made a state that can't be stored. Each on its own, so that the error reaches the one that did.
                last = null;
                foreach (var operation in group)
                {
                    await WriteAloneAsync(operation).ConfigureAwait(false);
                }
            }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers, none to this loop.
            catch (Exception e)
#pragma warning restore CA1031
            {
                last = null;
                NoteFailure(e, group.Count);
                await _repeats.FailAsync(group, e).ConfigureAwait(false);
            }

            parts.Recent.Note(id, last);
        }
    }

    private async Task WriteAloneAsync(LaneOperation<TState> operation)
    {
        try
        {
            await WriteGroupAsync([operation], null).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            NoteFailure(e, 1);
            await _repeats.FailAsync([operation], e).ConfigureAwait(false);
        }
    }

    /// <summary>A lane asks the database for nothing but what a write goes on top of.</summary>
    private void NoteFailure(Exception error, int writes)
    {
        if (error is SinkException)
        {
            parts.Metrics.DatabaseNeeded(writes);
        }
    }

    /// <summary>
    /// Applies a group of changes and writes the outcome, as often as it takes; returns what the next group goes on from.
    /// </summary>
    private async Task<LastWrite?> WriteGroupAsync(List<LaneOperation<TState>> group, LastWrite? last)
    {
        Base? current = last is { } own ? OnTopOf(own, group[0].NeedsState) : null;
        var refusals = 0;
        while (group.Count > 0)
        {
            current ??= await LoadAsync(group[0]).ConfigureAwait(false);
            var (known, _, exists, isOwn, isRemembered) = current.Value;
            if (isOwn && (group[0].ExpectedVersion is { } awaited ? awaited != known.Version : !exists))
            {
                // What this lane wrote a moment ago may be overwritten by now. Only a fresh look may refuse a caller, or find nothing to
                // delete.
                current = null;
                continue;
            }

            if (group[0].ExpectedVersion is { } expected && (expected != known.Version || (expected == 0 && exists)))
            {
                // 0 stands for "not there". A row from before may be there with that version.
                parts.Metrics.Conflict();
                var conflict = new WriteConflictException(parts.Options.Type, id, expected, known.Version);
                await _repeats.FailAsync([group[0]], conflict).ConfigureAwait(false);
                group.RemoveAt(0);

                // The next one may need the state, which was not loaded for this one.
                current = null;
                continue;
            }

            if (!TryApply(group, current.Value, out var after, out var changes, out var refusal))
            {
                if (refusal is not null)
                {
                    await _repeats.FailAsync([group[0]], refusal).ConfigureAwait(false);
                    group.RemoveAt(0);
                }

                current = null;
                continue;
            }

            if (changes == 0)
            {
                // Nothing was there and nothing was put. A tombstone would cost a write and a day of fence for no row. (A put that was
                // deleted again is not that: without a tombstone its version would be given out once more.)
                group.ForEach(operation => operation.Acknowledge(known));
                return null;
            }

            var payload = after.Encode(parts.Codec, id);
            var memos = LaneRepeats<TState>.MemosOf(group, known.Version);
            var reply = await writer.WriteAsync(id, known, payload, changes, isRemembered, memos).ConfigureAwait(false);
            if (reply.Status == WriteStatus.Ok)
            {
                Acknowledge(group, known.Version, reply.Known);
                return new LastWrite(reply.Known, payload);
            }

            if (reply.Status == WriteStatus.Known && await _repeats.AnswerAsync(group).ConfigureAwait(false))
            {
                current = null;
                continue;
            }

            if (!isRemembered || reply.Status is not (WriteStatus.Conflict or WriteStatus.Unconfirmed))
            {
                // What was only remembered no longer counts: that is no conflict of anybody's.
                Refuse(group, known, reply, refusals++);
            }

            current = null;
        }

        return null;
    }

    private void Acknowledge(List<LaneOperation<TState>> group, long before, Knowledge stored)
    {
        parts.Metrics.BufferWrite();
        foreach (var operation in group)
        {
            parts.Metrics.Acknowledged(operation.StartedAt);
            operation.Acknowledge(stored with { Version = before + operation.Changes });
        }
    }

    /// <summary>Throws where the write is refused for good; returns where a fresh look may help.</summary>
    private void Refuse(List<LaneOperation<TState>> group, Knowledge known, WriteReply reply, int refusals)
    {
        switch (reply.Status)
        {
            case WriteStatus.Full:
                parts.Metrics.Refused(group.Count);
                throw new BufferFullException(parts.Options.Type, id, parts.Options.MaxDirty);
            case WriteStatus.Conflict:
                parts.Metrics.Conflict();
                if (refusals >= parts.Engine.Options.MaxUpdateRetries)
                {
                    throw new WriteConflictException(parts.Options.Type, id, known.Version, reply.Known.Version);
                }

                break;
            case WriteStatus.Unconfirmed:
                // What is known is too old, or from before Redis came back empty.
                if (refusals >= parts.Engine.Options.MaxUpdateRetries)
                {
                    throw UnconfirmedVersion.Error(parts.Options, id, refusals);
                }

                break;
            case WriteStatus.Known:
                // Forgotten in the eyes of the one script, and not of the other: it is about to be.
                if (refusals >= parts.Engine.Options.MaxUpdateRetries)
                {
                    throw new InvalidOperationException($"Redis keeps judging the operations of '{id}' in two ways.");
                }

                break;
            default:
                throw new InvalidOperationException($"Unexpected status {reply.Status}.");
        }
    }

    private Base OnTopOf(LastWrite own, bool needsState)
        => new(
            own.Known,
            needsState && own.Payload is not null ? parts.Codec.Decode(id, own.Payload) : null,
            Exists: own.Payload is not null,
            IsOwn: true,
            own.IsRemembered);

    private async Task<Base> LoadAsync(LaneOperation<TState> first)
    {
        if (first.NeedsState)
        {
            var loaded = await loader.LoadAsync(id).ConfigureAwait(false);
            parts.Metrics.Loaded(loaded.FromDatabase);
            return new Base(loaded.Known, loaded.State, Exists: loaded.State is not null, IsOwn: false);
        }

        var version = await loader.LoadVersionAsync(id, first.NeedsPresence, first.ExpectedVersion).ConfigureAwait(false);
        parts.Metrics.Loaded(version.FromDatabase);
        return new Base(version.Known, null, version.Exists, IsOwn: false);
    }

    /// <summary>
    /// Runs the changes in order. Where a function throws, the answer is false: all start again from a freshly loaded state, since it may
    /// have half-changed this one. The first one's error counts where it saw what is acknowledged, and is its refusal; otherwise it leaves
    /// the group, with those behind it.
    /// </summary>
    private bool TryApply(
        List<LaneOperation<TState>> group, Base before, out Content<TState> result, out int changes, out Exception? refusal)
    {
        (result, changes, refusal) = (new Content<TState>(before.State, null), 0, null);
        var exists = before.Exists;
        for (var i = 0; i < group.Count; i++)
        {
            try
            {
                result = group[i].Apply(result, parts.Codec);

                // An operation that deletes nothing is written all the same: repeated later it must not delete what came since.
                changes += exists || !result.IsNone || group[i].Operation is not null ? 1 : 0;
                exists = !result.IsNone;
                group[i].Changes = changes;
            }
#pragma warning disable CA1031 // The caller's function, the caller's error.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (i > 0)
                {
                    // Those behind it stay behind it, and before what was deferred earlier.
                    _deferred = new([.. group[i..], .. _deferred ?? []]);
                    group.RemoveRange(i, group.Count - i);
                }
                else if (!before.IsOwn)
                {
                    refusal = e;
                }

                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Takes the next changes that may share a write. One with an expected version always begins a group of its own, and so does the repeat
    /// of an operation that is in the group.
    /// </summary>
    private List<LaneOperation<TState>> TakeGroup()
    {
        var group = new List<LaneOperation<TState>>();
        OperationKey? first = null;
        HashSet<OperationKey>? operations = null;
        lock (_lock)
        {
            while (group.Count < MaxGroup && (_deferred is { Count: > 0 } ? _deferred : _waiting) is { Count: > 0 } queue
                && (group.Count == 0 || queue.Peek().ExpectedVersion is null))
            {
                if (queue.Peek().Operation is { } key)
                {
                    // Most groups have one operation, for which no set is needed.
                    if (first is { } other
                        && ((operations ??= [other]).Count >= parts.Buffer.Memos.PerWrite || !operations.Add(key)))
                    {
                        break;
                    }

                    first ??= key;
                }

                var next = queue.Dequeue();
                if (next.IsCancelled)
                {
                    next.Cancel();
                }
                else
                {
                    group.Add(next);
                }
            }

            if (group.Count == 0)
            {
                _running = false;
                _retired = retire(this);
            }
        }

        return group;
    }

    /// <summary>What a group of changes goes on top of. The state is null where there is none, and where no change looks at it.</summary>
    private readonly record struct Base(Knowledge Known, TState? State, bool Exists, bool IsOwn, bool IsRemembered = false);
}
