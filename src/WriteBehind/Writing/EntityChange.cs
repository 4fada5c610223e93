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
    private readonly TaskCompletionSource<Entity<TState>?> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationToken _cancellation;

    public LaneOperation(
        string id, Func<TState?, TState?> change, ChangeKind kind, long? expectedVersion, long startedAt, CancellationToken cancellation)
    {
        Id = id;
        Change = change;
        NeedsState = kind == ChangeKind.Update;
        NeedsPresence = kind != ChangeKind.Set;
        ExpectedVersion = expectedVersion;
        StartedAt = startedAt;
        _cancellation = cancellation;
    }

    public string Id { get; }

    public Func<TState?, TState?> Change { get; }

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

    /// <summary>What the change returned; valid until it is run again.</summary>
    public TState? Result { get; set; }

    /// <summary>How many versions after the one that its group goes on from its own is; valid as <see cref="Result"/> is.</summary>
    public int Changes { get; set; }

    /// <summary>
    /// What was acknowledged; valid once it is done. No later write may go on top of it: the version stored may be that of a later change.
    /// </summary>
    public Knowledge Acknowledged { get; private set; }

    public Task<Entity<TState>?> Done => _done.Task;

    public void Acknowledge(Knowledge written)
    {
        Acknowledged = written;
        _done.TrySetResult(Result is null ? null : new Entity<TState>(Id, written.Version, Result));
    }

    public void Cancel() => _done.TrySetCanceled(_cancellation);

    public void Fail(Exception error)
    {
        _done.TrySetException(error);

        // Its caller may have given up waiting; then nobody else looks at it.
        _ = _done.Task.Exception;
    }
}
