using WriteBehind.Buffer;

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
    private TState? _result;

    /// <param name="id">The entity.</param>
    /// <param name="kind">What is wanted.</param>
    /// <param name="change">The function of an update; else null.</param>
    /// <param name="payload">What a put stores, as its caller's state was at the call; else null.</param>
    /// <param name="expectedVersion">The version it must go on top of; null for any.</param>
    /// <param name="startedAt">When the caller came.</param>
    /// <param name="cancellation">Ends the caller's wait.</param>
    public LaneOperation(
        string id, ChangeKind kind, Func<TState?, TState?>? change, byte[]? payload, long? expectedVersion, long startedAt,
        CancellationToken cancellation)
    {
        Id = id;
        _change = change ?? Delete;
        _payload = payload;
        NeedsState = kind == ChangeKind.Update;
        _context = NeedsState ? ExecutionContext.Capture() : null;
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

    /// <summary>
    /// What the entity holds after this change. Throws what the caller's function throws. The function runs in the context of the caller
    /// that it belongs to: the lane runs in nobody's, and a group has changes of many callers.
    /// </summary>
    public Content<TState> Apply(Content<TState> before, PayloadCodec<TState> codec)
    {
        if (_payload is not null)
        {
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
        _done.TrySetResult(_result is null ? null : new Entity<TState>(Id, written.Version, _result));
    }

    public void Cancel() => _done.TrySetCanceled(_cancellation);

    public void Fail(Exception error)
    {
        _done.TrySetException(error);

        // Its caller may have given up waiting; then nobody else looks at it.
        _ = _done.Task.Exception;
    }

    private void ApplyHere() => _result = _change(_result);
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
