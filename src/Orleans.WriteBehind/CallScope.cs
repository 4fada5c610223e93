using WriteBehind;

namespace Orleans.WriteBehind;

/// <summary>
/// One call of a grain, wherever it goes on after an await: which load of the state it looked at first, and which save acknowledges
/// what it has seen or changed.
/// </summary>
internal sealed class CallScope(object owner)
{
    private static readonly AsyncLocal<CallScope?> Local = new();

    private bool _hadChanged;

    /// <summary>The load of the state that the call works on; null before it has looked at the state.</summary>
    public int? Generation { get; set; }

    /// <summary>The save that acknowledges what the call saw when it last looked; null where that was acknowledged already.</summary>
    public Task? Seen { get; set; }

    /// <summary>The save that the call asked for last; null where it asked for none.</summary>
    public Task? Saved { get; private set; }

    /// <summary>
    /// Whether the call is an operation: what it saves is written when its answer is known. Not any more once it is over; what it left
    /// running saves as it always did.
    /// </summary>
    public bool IsOperation { get; private set; }

    /// <summary>The save that waits for the call's answer; null where the call asked for none.</summary>
    public SaveGroup? Held { get; set; }

    /// <summary>Whether an operation is answered once PostgreSQL has what it saved.</summary>
    public bool IsThrough { get; set; }

    /// <summary>Whether something that the call changed is acknowledged.</summary>
    public bool HasChanged => _hadChanged || Saved is { IsCompletedSuccessfully: true };

    /// <summary>The call of this owner that the code runs in; null outside calls (in a timer, for example).</summary>
    public static CallScope? Of(object owner) => Local.Value is { } scope && scope.Owner == owner ? scope : null;

    /// <summary>Begins a call. It ends by itself when the method that began it returns, as all async locals do.</summary>
    public static CallScope Begin(object owner, bool isOperation = false)
        => Local.Value = new CallScope(owner) { IsOperation = isOperation };

    /// <summary>Goes on with this call, for as long as <see cref="Begin"/> says.</summary>
    public void Resume() => Local.Value = this;

    /// <summary>The call asked for a save, which also covers what it saw before.</summary>
    public void Save(Task save)
    {
        _hadChanged = HasChanged;
        (Saved, Seen) = (save, save);
    }

    /// <summary>The operation is over; returns the save that waits for its answer.</summary>
    public SaveGroup? End()
    {
        var held = Held;
        (Held, IsOperation) = (null, false);
        return held;
    }

    private object Owner { get; } = owner;
}

/// <summary>The calls that share one save.</summary>
internal sealed class SaveGroup
{
    private readonly TaskCompletionSource _saved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<long> _waitingSince = [];
    private List<KeptAnswer>? _operations;
    private int _holds;

    /// <summary>Completes as the save does.</summary>
    public Task Task => _saved.Task;

    /// <summary>When each of them asked for it.</summary>
    public IReadOnlyList<long> WaitingSince => _waitingSince;

    /// <summary>The operations among them, with their answers; null for none.</summary>
    public IReadOnlyList<KeptAnswer>? Operations => _operations;

    /// <summary>Whether operations among them have no answer yet. Their state must not be written without it.</summary>
    public bool IsHeld => _holds > 0;

    /// <summary>Completes when it is held no more.</summary>
    public Task Free => _free.Task;

    public void Join(long now) => _waitingSince.Add(now);

    public void Hold() => _holds++;

    /// <summary>An operation has its answer.</summary>
    public void Release(KeptAnswer answer)
    {
        (_operations ??= []).Add(answer);
        if (--_holds == 0)
        {
            _free.TrySetResult();
        }
    }

    public void Acknowledge() => _saved.SetResult();

    public void Fail(Exception failure)
    {
        _free.TrySetResult();
        _saved.SetException(failure);

        // Nobody need wait for a save; an error that nobody waits for is no reason for an unobserved-exception event.
        _ = _saved.Task.Exception;
    }
}
