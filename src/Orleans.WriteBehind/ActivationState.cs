using System.Diagnostics;
using WriteBehind;
using WriteBehind.Common;

namespace Orleans.WriteBehind;

/// <summary>
/// Keeps the state of one activation: loads it, saves it with group commit, and gives it up where a save fails. Lives on the
/// activation's scheduler, like the grain.
/// </summary>
/// <remarks>
/// <para><b>Group commit.</b> One save is under way at most; all that are asked for meanwhile share the next one, which serialises the
/// state when it begins and so includes all their changes.</para>
/// <para><b>A failed save takes the state with it.</b> What is in memory then is not what was acknowledged, and the changes of calls
/// that wait for the next save stand on it. All of them get the error. The state is loaded anew before anybody sees it, and a call that had
/// looked at the old one (<see cref="CallScope"/>) can neither see nor save the new one: it would mix the two, and be acknowledged for a
/// change that is gone.</para>
/// <para><b>An operation's save waits for its answer.</b> State and answer are written in one step, or a crash in between would leave a
/// change whose caller can't be told. So what an operation asks to be saved joins the next save and holds it up until the method has
/// returned; where it throws, nothing of that save is written.</para>
/// </remarks>
internal sealed class ActivationState<TState>(object owner, IEntitySession<TState> session, Func<TState> create, TimeProvider time)
    where TState : class
{
    private TState? _state;
    private bool _exists;
    private int _generation;
    private Exception? _failure;
    private Task? _loading;
    private long _underWayFrom;
    private bool _underWayWrites;
    private SaveGroup? _underWay;
    private SaveGroup? _next;

    /// <summary>Told when the state was found dirty, or became so.</summary>
    public Action? BecameDirty { get; set; }

    /// <summary>Whether the state is there; otherwise it must be loaded first.</summary>
    public bool HasState => _state is not null;

    public TState State
    {
        get
        {
            Touch();
            return _state!;
        }

        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Touch();
            _state = value;
        }
    }

    /// <summary>Whether there is a state, acknowledged or about to be.</summary>
    public bool Exists
    {
        get
        {
            Touch();
            return _exists;
        }
    }

    /// <summary>
    /// The save that acknowledges everything that a look at the state can show now; null where all of it is acknowledged.
    /// </summary>
    public Task? Covering => (_next ?? _underWay)?.Task;

    /// <summary>Which load the state is of; null where it is not there.</summary>
    public int? Generation => HasState ? _generation : null;

    /// <summary>Completes when the next save waits for no operation any more; null where it does not.</summary>
    public Task? Held => _next is { IsHeld: true } next ? next.Free : null;

    /// <summary>
    /// The version of the last acknowledged state; for an operation that has asked for a save, the version that this is going to be.
    /// </summary>
    public long Version => CallScope.Of(owner) is not { Held: not null } ? session.Version
        : _underWay is null ? session.Version + 1
        : _underWayFrom + (_underWayWrites ? 2 : 1);

    /// <summary>
    /// Waits until what a call has seen of the state is acknowledged, and fails where it never will be. A save of its own that is over is
    /// not asked again: it told the call, which may have dealt with its failure.
    /// </summary>
    /// <exception cref="StateDiscardedException">The call's own change is acknowledged, but not what it looked at afterwards.</exception>
    public async Task AcknowledgeAsync(CallScope call)
    {
        if (call.Seen is not { } seen || (seen == call.Saved && seen.IsCompleted))
        {
            return;
        }

        try
        {
            await seen.ConfigureAwait(true);
        }
        catch (Exception e) when (call.HasChanged)
        {
            // The other save's own words ("nothing was written, try again") would be taken for this call's.
            throw new StateDiscardedException(session.Options.Type, session.Id, e, changesSaved: true);
        }
    }

    /// <summary>Loads the state; callers that come meanwhile share the load.</summary>
    public Task LoadAsync()
    {
        _state = null;
        if (_loading is not null)
        {
            return _loading;
        }

        var load = LoadCoreAsync();
        _loading = load.IsCompleted ? null : load;
        return load;
    }

    /// <summary>The same for a call that has looked at the state and wants to begin again with a new one.</summary>
    public async Task ReloadAsync()
    {
        if (CallScope.Of(owner) is { Held: not null })
        {
            throw new InvalidOperationException(
                $"An operation on {session.Options.Type} '{session.Id}' asked for a save and then for the state anew. What an operation " +
                "saves is written when its method returns, so this would drop it.");
        }

        // A session loads or saves, one at a time; while this waits, others may ask for more saves.
        while (Covering is { } covering)
        {
            await covering.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }

        _failure = null;
        await LoadAsync().ConfigureAwait(true);
        if (CallScope.Of(owner) is { } call)
        {
            (call.Generation, call.Seen) = (_generation, null);
        }
    }

    /// <summary>Gives up a state that no longer counts. Where a save is under way that finds out by itself.</summary>
    public void GiveUp()
    {
        if (Covering is null)
        {
            (_state, _failure) = (null, null);
        }
    }

    public Task SaveAsync()
    {
        Touch();
        _exists = true;
        return WriteAsync();
    }

    public Task DeleteAsync()
    {
        Touch();
        (_state, _exists) = (create(), false);
        return WriteAsync();
    }

    /// <summary>An operation that asked for a save has its answer, which is kept with it.</summary>
    public Task CommitAsync(CallScope call, KeptAnswer answer)
    {
        var group = call.End()!;
        if (_next == group)
        {
            group.Release(answer);
            WriteNext();
        }

        return group.Task;
    }

    /// <summary>An operation has failed: what it asked to be saved is not, and the state has its changes in it.</summary>
    public void Abandon(CallScope call, Exception failure)
    {
        if (call.End() is not { } group)
        {
            return;
        }

        if (_next == group)
        {
            (_state, _failure, _next) = (null, failure, null);
            group.Fail(new StateDiscardedException(session.Options.Type, session.Id, failure));
        }

        // Its error rests on what it saw, but not on what it wanted to write.
        call.Seen = _underWay?.Task;
    }

    private Task WriteAsync()
    {
        var group = _next ??= new SaveGroup();
        session.Note(Activity.Current);
        var call = CallScope.Of(owner);
        call?.Save(group.Task);
        if (call is { IsOperation: true })
        {
            if (call.Held is null)
            {
                call.Held = group;
                group.Hold();
                group.Join(time.GetTimestamp());
            }

            return Task.CompletedTask;
        }

        group.Join(time.GetTimestamp());
        WriteNext();
        return group.Task;
    }

    private void WriteNext()
    {
        if (_underWay is null && _next is { IsHeld: false })
        {
            _ = WriteGroupsAsync();
        }
    }

    private async Task WriteGroupsAsync()
    {
        while (_next is { IsHeld: false } group)
        {
            (_underWay, _next) = (group, null);
            (_underWayFrom, _underWayWrites) = (session.Version, _exists || session.Exists || group.Operations is not null);
            try
            {
                // In nobody's context: the save is that of many calls.
                var write = Detached.Call(
                    static save => save.Exists
                        ? save.Session.SaveAsync(save.State!, save.Since, save.Operations)
                        : save.Session.DeleteAsync(save.Since, save.Operations),
                    (Exists: _exists, Session: session, State: _state, Since: group.WaitingSince, group.Operations));
                await write.ConfigureAwait(true);
                if (session.IsDirty)
                {
                    BecameDirty?.Invoke();
                }

                _underWay = null;
                group.Acknowledge();
            }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers, and after each the state is not to be trusted.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Discard(e, group);
            }
        }
    }

    private void Discard(Exception failure, SaveGroup group)
    {
        var waiting = _next;
        (_state, _failure, _underWay, _next) = (null, failure, null, null);
        if (failure is OperationForgottenException or InvalidOperationIdException)
        {
            // That is for the one operation that it names, which looks there; the others were in its company.
            failure = new StateDiscardedException(session.Options.Type, session.Id, failure);
        }

        group.Fail(failure);
        waiting?.Fail(failure);
    }

    private async Task LoadCoreAsync()
    {
        try
        {
            // One at a time, as above: an operation's failure gives up the state while an earlier save is under way.
            while (_underWay is { } underWay)
            {
                await underWay.Task.ConfigureAwait(
                    ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }

            var loaded = await Detached.Call(static session => session.LoadAsync(), session).ConfigureAwait(true);
            _generation++;
            (_state, _exists) = (loaded ?? create(), loaded is not null);
            if (session.IsDirty)
            {
                BecameDirty?.Invoke();
            }
        }
        catch (Exception e)
        {
            _failure = e;
            throw;
        }
        finally
        {
            _loading = null;
        }
    }

    /// <summary>
    /// Notes that the call looks at the state, and which save covers what it sees. Throws where the state is not there, or is not the one
    /// that this call has looked at before.
    /// </summary>
    private void Touch()
    {
        var call = CallScope.Of(owner);
        if (_state is null || (call?.Generation is { } seen && seen != _generation))
        {
            throw new StateDiscardedException(session.Options.Type, session.Id, _failure, call?.HasChanged ?? false);
        }

        if (call is not null)
        {
            (call.Generation, call.Seen) = (_generation, Covering);
        }
    }
}
