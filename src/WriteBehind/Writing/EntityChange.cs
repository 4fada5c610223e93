using WriteBehind.Buffer;
using WriteBehind.Flushing;

namespace WriteBehind.Writing;

/// <summary>What a caller wants done to an entity.</summary>
internal enum ChangeKind
{
    /// <summary>Put a state in its place, whatever is there.</summary>
    Set,

    /// <summary>Work out a new state from the present one.</summary>
    Update,

    /// <summary>Remove it, where it is there.</summary>
    Delete,
}

/// <summary>One caller's change of an entity, waiting in its lane.</summary>
internal sealed class LaneOperation<TState>
    where TState : class
{
    private static readonly Func<TState?, TState?> Delete = static _ => null;

    private readonly TaskCompletionSource<Entity<TState>?> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationToken _cancellation;
    private readonly Func<TState?, TState?> _change;
    private readonly byte[]? _payload;

    /// <summary>The caller's own context, for its own function; null where it is none, or does not flow.</summary>
    private readonly ExecutionContext? _context;
    private readonly OperationTerms<TState>? _operation;
    private TState? _result;
    private ReadOnlyMemory<byte>? _kept;

    /// <param name="id">The entity.</param>
    /// <param name="kind">What is wanted.</param>
    /// <param name="change">The function of an update; else null.</param>
    /// <param name="payload">What a put stores, as its caller's state was at the call; else null.</param>
    /// <param name="expectedVersion">The version it must go on top of; null for any.</param>
    /// <param name="startedAt">When the caller came.</param>
    /// <param name="cancellation">Ends the caller's wait.</param>
    /// <param name="operation">Where it is to count once: under which name, and what is kept with it.</param>
    public LaneOperation(
        string id, ChangeKind kind, Func<TState?, TState?>? change, byte[]? payload, long? expectedVersion, long startedAt,
        CancellationToken cancellation, OperationTerms<TState>? operation = null)
    {
        _operation = operation;
        Id = id;
        _change = change ?? Delete;
        _payload = payload;
        NeedsState = kind == ChangeKind.Update;
        _context = NeedsState || operation?.Result is not null ? ExecutionContext.Capture() : null;
        NeedsPresence = kind != ChangeKind.Set;
        ExpectedVersion = expectedVersion;
        StartedAt = startedAt;
        _cancellation = cancellation;
    }

    public string Id { get; }

    /// <summary>
    /// Whether the change looks at what is there. A put and a delete need only its version, so they work where it can't be read.
    /// </summary>
    public bool NeedsState { get; }

    /// <summary>Whether it matters to the change that something is there: a delete of nothing does nothing.</summary>
    public bool NeedsPresence { get; }

    /// <summary>Whether the caller has gone.</summary>
    public bool IsCancelled => _cancellation.IsCancellationRequested;

    public long? ExpectedVersion { get; }

    /// <summary>When the caller came, for the acknowledgement latency.</summary>
    public long StartedAt { get; }

    /// <summary>How many versions after the one that its group goes on from its own is; valid until the change is run again.</summary>
    public int Changes { get; set; }

    /// <summary>
    /// What was acknowledged; valid once it is done. No later write may go on top of it: the version stored may be that of a later change.
    /// </summary>
    public Knowledge Acknowledged { get; private set; }

    public Task<Entity<TState>?> Done => _done.Task;

    /// <summary>Its name; null where it may count as often as it is sent.</summary>
    public OperationKey? Operation => _operation?.Key;

    /// <summary>What an operation's caller is told; valid once it is done.</summary>
    public OperationAnswer Answer { get; private set; }

    /// <summary>What is kept of an operation that goes with a write on top of this version.</summary>
    public PendingMemo MemoAfter(long version) => new(_operation!.Key, new OperationMemo(version + Changes, _kept));

    /// <summary>
    /// What the entity holds after this change. Throws what the caller's function throws. The function runs in the context of the caller
    /// that it belongs to: the lane runs in nobody's, and a group has changes of many callers.
    /// </summary>
    public Content<TState> Apply(Content<TState> before, PayloadCodec<TState> codec)
    {
        if (_payload is not null)
        {
            _kept = _operation?.Keep(null);
            return new Content<TState>(null, _payload);
        }

        _result = NeedsState ? before.Decode(codec, Id) : null;
        if (_context is null)
        {
            ApplyHere();
        }
        else
        {
            ExecutionContext.Run(_context, static self => ((LaneOperation<TState>)self!).ApplyHere(), this);
        }

        return new Content<TState>(_result, null);
    }

    public void Acknowledge(Knowledge written)
    {
        Acknowledged = written;
        Answer = new OperationAnswer(written.Version, _kept ?? default, IsRepeat: false);
        _done.TrySetResult(_result is null ? null : new Entity<TState>(Id, written.Version, _result));
    }

    /// <summary>It had taken effect before.</summary>
    public void Repeat(OperationMemo memo)
    {
        Answer = new OperationAnswer(memo.Version, memo.Result ?? default, IsRepeat: true);
        _done.TrySetResult(null);
    }

    public void Cancel() => _done.TrySetCanceled(_cancellation);

    public void Fail(Exception error)
    {
        _done.TrySetException(error);

        // Its caller may have given up waiting; then nobody else looks at it.
        _ = _done.Task.Exception;
    }

    private void ApplyHere()
    {
        _result = _change(_result);
        _kept = _operation?.Keep(_result);
    }
}

/// <summary>How a change is to count once.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="Id">The entity.</param>
/// <param name="Key">Its name.</param>
/// <param name="Result">Makes what is kept with it of the new state; null for nothing.</param>
/// <param name="MostBytes">The longest result.</param>
internal sealed record OperationTerms<TState>(
    string Type, string Id, OperationKey Key, Func<TState?, ReadOnlyMemory<byte>>? Result, int MostBytes)
    where TState : class
{
    /// <exception cref="OperationResultException">The result is too long.</exception>
    public ReadOnlyMemory<byte>? Keep(TState? state)
    {
        // A copy: the caller may alter its bytes before they are sent.
        var result = Result?.Invoke(state).ToArray();
        return result is null || result.Length <= MostBytes
            ? result
            : throw new OperationResultException(Type, Id, Key.Text, result.Length, MostBytes);
    }
}

/// <summary>Finds out which changes of a lane are repeats of operations, and answers these.</summary>
internal sealed class LaneRepeats<TState>(TypeParts<TState> parts, string id)
    where TState : class
{
    /// <summary>What is kept of the operations in a group that is written on top of this version; null where it has none.</summary>
    public static PendingMemo[]? MemosOf(List<LaneOperation<TState>> group, long version)
    {
        var count = 0;
        foreach (var change in group)
        {
            count += change.Operation is null ? 0 : 1;
        }

        if (count == 0)
        {
            return null;
        }

        var memos = new PendingMemo[count];
        foreach (var change in group)
        {
            if (change.Operation is not null)
            {
                memos[^count--] = change.MemoAfter(version);
            }
        }

        return memos;
    }

    /// <summary>
    /// Answers those of a group that took effect before, or may have; the others stay in it. False where all of them are new.
    /// </summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task<bool> AnswerAsync(List<LaneOperation<TState>> group)
    {
        var asked = group.FindAll(static change => change.Operation is not null);
        var found = await parts.Buffer.Memos.FindAsync(
            id, [.. asked.Select(static change => change.Operation!.Value)], CancellationToken.None).ConfigureAwait(false);
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i].Memo is { } memo)
            {
                asked[i].Repeat(memo);
            }
            else if (!found[i].IsNew)
            {
                asked[i].Fail(found[i].Error(parts.Options.Type, id, asked[i].Operation!.Value));
            }
        }

        return group.RemoveAll(static change => change.Done.IsCompleted) > 0;
    }

    /// <summary>
    /// Tells callers of a failure. An operation that took effect before gets that answer instead: what a repeat would come to now does not
    /// matter. Where Redis is silent, it is not asked again.
    /// </summary>
    public async Task FailAsync(List<LaneOperation<TState>> failed, Exception error)
    {
        var left = failed;
        if (failed.Exists(static change => change.Operation is not null)
            && error is not BufferUnavailableException { InnerException: BufferUnavailableException })
        {
            left = [.. failed];
            try
            {
                await AnswerAsync(left).ConfigureAwait(false);
            }
            catch (BufferUnavailableException)
            {
                // Then the first failure is all that can be said.
            }
        }

        left.ForEach(change => change.Fail(error));
    }
}

/// <summary>
/// What an entity holds between two changes: a state, or what a put left, which its caller may no longer alter; neither where it is absent.
/// </summary>
/// <param name="State">The state.</param>
/// <param name="Payload">The payload of a put.</param>
internal readonly record struct Content<TState>(TState? State, byte[]? Payload)
    where TState : class
{
    /// <summary>Whether there is nothing.</summary>
    public bool IsNone => State is null && Payload is null;

    /// <exception cref="PayloadException">The payload can't be read back.</exception>
    public TState? Decode(PayloadCodec<TState> codec, string id) => Payload is null ? State : codec.Decode(id, Payload);

    /// <exception cref="PayloadException">The state can't be serialised.</exception>
    public byte[]? Encode(PayloadCodec<TState> codec, string id) => State is null ? Payload : codec.Encode(id, State);
}
