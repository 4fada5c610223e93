using Orleans.Serialization;
using Orleans.Serialization.Invocation;
using WriteBehind;
using WriteBehind.Common;

namespace Orleans.WriteBehind;

/// <summary>A call that is to count once, as it arrives at its grain.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Fingerprint">Tells it from other calls under the same name: method, and request where the caller said one.</param>
internal sealed record OperationCall(OperationKey Key, byte[] Fingerprint)
{
    /// <summary>What comes before the answer: flags and fingerprint.</summary>
    private const int HeadLength = 1 + Operations.FingerprintLength;

    private const byte ThroughFlag = 1;

    /// <summary>
    /// Takes the name out of the context, so that what the method calls is no part of the operation. One that is meant for another grain
    /// stays.
    /// </summary>
    /// <returns>Null where the call is none.</returns>
    /// <exception cref="InvalidOperationIdException">The text names no operation.</exception>
    public static OperationCall? Take(string named, GrainId grain, GrainMethod method, string type, string id)
    {
        if (named.Split(' ', 3) is not [var operation, var request, var target] || target != grain.ToString())
        {
            return null;
        }

        RequestContext.Remove(Operations.ContextKey);
        return new(OperationKey.Parse(type, id, operation), request == Operations.NoRequest ? method.Fingerprint : method.With(request));
    }

    /// <summary>What is kept: flags, fingerprint, and what the method returned, where it returned something.</summary>
    public byte[] Keep(IIncomingGrainCallContext context, GrainMethod method, bool isThrough, Serializer serializer)
    {
        var answer = method.HasResult ? serializer.SerializeToArray(context.Result) : [];
        return [isThrough ? ThroughFlag : (byte)0, .. Fingerprint, .. answer];
    }

    /// <summary>Gives the answer of the first time; returns whether it was to wait for PostgreSQL.</summary>
    /// <exception cref="OperationMismatchException">The first time was another call.</exception>
    public bool Answer(OperationAnswer kept, IIncomingGrainCallContext context, Serializer serializer, string type, string id)
    {
        var bytes = kept.Result;
        if (bytes.Length < HeadLength || !bytes.Span[1..HeadLength].SequenceEqual(Fingerprint))
        {
            throw new OperationMismatchException(type, id, Key.Text);
        }

        if (bytes.Length == HeadLength)
        {
            context.Response = Response.Completed;
        }
        else
        {
            context.Result = serializer.Deserialize<object?>(bytes[HeadLength..]);
        }

        return (bytes.Span[0] & ThroughFlag) != 0;
    }
}

/// <summary>
/// The operations of one activation: which are running, so that two calls under one name run one after the other; and which it has seen
/// since it loaded its state, so that a new one need not be asked for in Redis. On the activation's scheduler, like the grain.
/// </summary>
/// <remarks>
/// What is younger than the load can't have taken effect before it, and what this activation did since it knows itself. Another activation
/// that nobody knows of may have; then the version has moved on, and the write is refused. So this only spares a look: the write itself
/// takes no operation twice.
/// </remarks>
internal sealed class GrainOperations<TState>(
    object owner,
    IEntitySession<TState> session,
    ActivationState<TState> activation,
    bool refusesEarly,
    Serializer serializer,
    Func<Task> writeThrough)
    where TState : class
{
    /// <summary>The most calls at a time: they may share one write, whose script takes no more arguments than that.</summary>
    private const int MostRunning = 1024;

    /// <summary>How many of them are noted, twice: under load what comes next may be a little older than what came last.</summary>
    private const int MostSeen = 512;

    private readonly Dictionary<string, Task> _running = new(StringComparer.Ordinal);
    private readonly int _mostRunning = Math.Clamp(session.Options.MaxOperationsPerEntity / 2, 1, MostRunning);

    // Hash codes: where two are the same, Redis is asked once more than need be.
    private HashSet<int> _seen = [];
    private HashSet<int> _seenBefore = [];
    private int? _generation;
    private long _floor;
    private long _latest;
    private long _latestBefore;

    /// <summary>Runs a call that counts once, or gives the answer of the first time.</summary>
    public async Task InvokeAsync(IIncomingGrainCallContext context, GrainMethod method, OperationCall operation)
    {
        var over = await EnterAsync(operation.Key.Text).ConfigureAwait(true);
        try
        {
            var isNew = IsSurelyNew(operation.Key);
            if (!isNew && await TryRepeatAsync(context, operation).ConfigureAwait(true))
            {
                return;
            }

            if (!activation.HasState)
            {
                await activation.LoadAsync().ConfigureAwait(true);
                isNew = IsSurelyNew(operation.Key);
            }

            if (method.Saves && refusesEarly)
            {
                session.ThrowIfRefusing();
            }

            await RunAsync(context, method, operation, isNew).ConfigureAwait(true);
        }
        finally
        {
            _running.Remove(operation.Key.Text);
            over.SetResult();
        }
    }

    /// <summary>Waits until no call under this name runs, none holds up the next save, and there is room.</summary>
    private async Task<TaskCompletionSource> EnterAsync(string operation)
    {
        while ((_running.GetValueOrDefault(operation) ?? activation.Held ?? Crowd()) is { } before)
        {
            await before.ConfigureAwait(true);
        }

        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running.Add(operation, over.Task);
        return over;

        Task? Crowd() => _running.Count < _mostRunning ? null : _running.Values.First();
    }

    private async Task RunAsync(IIncomingGrainCallContext context, GrainMethod method, OperationCall operation, bool isNew)
    {
        var call = CallScope.Begin(owner, isOperation: true);
        byte[] kept;
        try
        {
            await context.Invoke().ConfigureAwait(true);
            kept = operation.Keep(context, method, call.IsThrough, serializer);
            var most = session.Options.MaxOperationResultBytes;
            if (call.Held is not null && kept.Length > most)
            {
                throw new OperationResultException(session.Options.Type, session.Id, operation.Key.Text, kept.Length, most);
            }
        }
        catch (Exception e)
        {
            activation.Abandon(call, e);
            if (!method.ShowsUnacknowledged && e is not WriteBehindException)
            {
                await activation.AcknowledgeAsync(call).ConfigureAwait(true);
            }

            // It rests on a state that may be behind: another activation may have carried the operation out.
            if (isNew && await TryRepeatAsync(context, operation).ConfigureAwait(true))
            {
                return;
            }

            throw;
        }
        finally
        {
            method.Saves |= call.Saved is not null;
        }

        if (call.Held is not null)
        {
            await CommitAsync(context, operation, call, kept).ConfigureAwait(true);
            return;
        }

        call.End();
        await (method.ShowsUnacknowledged ? Task.CompletedTask : activation.AcknowledgeAsync(call)).ConfigureAwait(true);

        // As above.
        _ = isNew && await TryRepeatAsync(context, operation).ConfigureAwait(true);
    }

    /// <summary>Writes what the method saved together with what it returned.</summary>
    private async Task CommitAsync(IIncomingGrainCallContext context, OperationCall operation, CallScope call, byte[] kept)
    {
        try
        {
            await activation.CommitAsync(call, new(operation.Key, kept)).ConfigureAwait(true);
        }
        catch (WriteBehindException e) when (
            e is WriteConflictException
            or StateDiscardedException { InnerException: OperationForgottenException or InvalidOperationIdException })
        {
            // Another activation has carried it out; or there is doubt, about this one or about one that shared the save.
            if (await TryRepeatAsync(context, operation).ConfigureAwait(true))
            {
                return;
            }

            throw;
        }

        await (call.IsThrough ? writeThrough() : Task.CompletedTask).ConfigureAwait(true);
    }

    /// <summary>Gives the answer of the first time; false where there was none.</summary>
    private async Task<bool> TryRepeatAsync(IIncomingGrainCallContext context, OperationCall operation)
    {
        if (await Detached.Call(static find => find.Session.FindAsync(find.Key), (Session: session, operation.Key)).ConfigureAwait(true)
            is not { } kept)
        {
            return false;
        }

        if (operation.Answer(kept, context, serializer, session.Options.Type, session.Id))
        {
            await (activation.HasState ? Task.CompletedTask : activation.LoadAsync()).ConfigureAwait(true);
            await writeThrough().ConfigureAwait(true);
        }

        return true;
    }

    /// <summary>Whether an operation can't have taken effect. From now on it may.</summary>
    private bool IsSurelyNew(OperationKey key)
    {
        if (_generation != activation.Generation || activation.Generation is null)
        {
            _generation = activation.Generation;
            _floor = _generation is null ? long.MaxValue : session.KnownAt + (long)OperationKey.Tolerance.TotalMilliseconds;
            _latest = _latestBefore = _floor;
            _seen.Clear();
            _seenBefore.Clear();
        }

        if (_seen.Count >= MostSeen)
        {
            _floor = _latestBefore;
            _latestBefore = _latest;
            (_seen, _seenBefore) = (_seenBefore, _seen);
            _seen.Clear();
        }

        if (key.Time <= _floor)
        {
            return false;
        }

        _latest = Math.Max(_latest, key.Time);
        var hash = key.Text.GetHashCode(StringComparison.Ordinal);
        return !_seenBefore.Contains(hash) && _seen.Add(hash);
    }
}
