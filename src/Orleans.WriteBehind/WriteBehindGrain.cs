using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization;
using Orleans.Serialization.Serializers;
using WriteBehind;
using WriteBehind.Common;

namespace Orleans.WriteBehind;

/// <summary>
/// A grain whose state is written behind: change <see cref="State"/>, await <see cref="SaveAsync()"/>, and the change is durable in Redis;
/// PostgreSQL follows in bulk. The state is loaded before the grain is activated.
/// </summary>
/// <remarks>
/// <para>Change the state and call <see cref="SaveAsync()"/> without an await in between. Then calls that interleave (a reentrant grain,
/// <c>[AlwaysInterleave]</c>) share saves and never see each other's half-made changes.</para>
/// <para>A call that ran while a save was under way is answered once what it may have seen is acknowledged
/// (<see cref="ShowsUnacknowledgedAttribute"/> turns that off). Where a save fails, every call whose change was in it gets the error, and
/// the state is loaded anew before the next call runs; a call that still works on the old state gets <see cref="StateDiscardedException"/>.
/// An enumeration (<see cref="IAsyncEnumerable{T}"/>) is one call, from its first item to its last.</para>
/// <para>A call under an id (<see cref="Operations"/>) counts once. Its state is written together with its answer, when the method has
/// returned: saves within it return at once, all of them are one, and where the method throws, nothing is written. One that saves nothing
/// is not remembered, and runs again when it is repeated.</para>
/// <para>Errors reach the caller as they are: <see cref="WriteConflictException"/> (another activation or program wrote in between),
/// <see cref="BufferFullException"/>, <see cref="BufferUnavailableException"/>, <see cref="PayloadException"/>,
/// <see cref="SinkException"/>.</para>
/// </remarks>
public abstract class WriteBehindGrain<TState> : Grain, IIncomingGrainCallFilter
    where TState : class
{
    private readonly WriteBehindGrainOptions _options;
    private readonly IEntitySession<TState> _session;
    private readonly ActivationState<TState> _activation;
    private readonly IFlushTimer _timer;
    private readonly ILogger _logger;
    private Enumerations? _enumerations;
    private GrainOperations<TState>? _operations;

    /// <summary>Creates the grain.</summary>
    protected WriteBehindGrain()
    {
        var services = ServiceProvider;
        var engine = services.GetRequiredService<IWriteBehindEngine>();
        var store = GetType().GetCustomAttribute<WriteBehindAttribute>() is { } named
            ? engine.Store<TState>(named.EntityType)
            : engine.Store<TState>();
        _options = services.GetRequiredService<IOptions<WriteBehindGrainOptions>>().Value;
        _session = store.OpenSession(GrainEntityId.Of(this, GrainContext.GrainId));
        _activation = new ActivationState<TState>(this, _session, CreateState, services.GetRequiredService<TimeProvider>());
        _logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(GetType());
        _timer = _session.OpenFlushTimer(() => GrainContext.Scheduler.QueueAction(_activation.GiveUp));
        _activation.BecameDirty = _timer.Arm;
        GrainContext.ObservableLifecycle.Subscribe(
            nameof(WriteBehindGrain<TState>),
            GrainLifecycleStage.SetupState,
            cancellationToken => _activation.LoadAsync().MayBeAbandoned().WaitAsync(cancellationToken));
    }

    /// <summary>
    /// The state, with the changes of this call and of those that interleave. A fresh one (<see cref="CreateState"/>) where there is none.
    /// </summary>
    /// <exception cref="StateDiscardedException">The state this call worked on was given up because a save failed.</exception>
    protected TState State
    {
        get => _activation.State;
        set => _activation.State = value;
    }

    /// <summary>Whether there is a state: one was loaded or saved, and it was not deleted since.</summary>
    protected bool Exists => _activation.Exists;

    /// <summary>
    /// The version of the last acknowledged state; 0 where none was ever written. In an operation, after its save: the version that this is
    /// going to be.
    /// </summary>
    protected long Version => _activation.Version;

    /// <summary>
    /// Whether everything in <see cref="State"/> that was to be saved is acknowledged. Where calls interleave, it is not while saves are
    /// under way.
    /// </summary>
    protected bool IsAcknowledged => _activation.Covering is null;

    /// <summary>Whether PostgreSQL lacks acknowledged changes, as far as this activation knows.</summary>
    protected bool IsDirty => _session.IsDirty;

    /// <summary>Whether a flush by this activation is due.</summary>
    protected bool HasFlushTimer => _timer.IsArmed;

    /// <summary>
    /// Saves the state as it is now. Returns once Redis has it together with its dirty mark. Calls that come while a save is under way
    /// share the next one.
    /// </summary>
    /// <exception cref="WriteBehindException">It was not saved, or it is unknown whether it was; see the remarks of the class.</exception>
    protected Task SaveAsync() => SaveAsync(_session.Options.WriteStrategy);

    /// <summary>
    /// The same with a strategy for this call: with <see cref="WriteStrategy.Through"/> it returns once PostgreSQL has the state, for
    /// changes that must be there before they are acknowledged.
    /// </summary>
    /// <exception cref="WriteThroughException">Redis has it and PostgreSQL does not. The state counts, and is flushed later; do not repeat
    /// the change.</exception>
    /// <exception cref="WriteBehindException">As in <see cref="SaveAsync()"/>.</exception>
    protected Task SaveAsync(WriteStrategy strategy) => FinishAsync(_activation.SaveAsync(), strategy);

    /// <summary>
    /// Deletes the state; the row goes with the next flush. <see cref="State"/> is a fresh one then and may be saved again.
    /// </summary>
    /// <exception cref="WriteBehindException">As in <see cref="SaveAsync()"/>.</exception>
    protected Task DeleteAsync() => DeleteAsync(_session.Options.WriteStrategy);

    /// <summary>The same with a strategy for this call.</summary>
    /// <exception cref="WriteBehindException">As in <see cref="SaveAsync(WriteStrategy)"/>.</exception>
    protected Task DeleteAsync(WriteStrategy strategy) => FinishAsync(_activation.DeleteAsync(), strategy);

    /// <summary>
    /// Loads the state anew, dropping changes that were not saved. For calls that catch a conflict and want to try again, and for
    /// loops of your own that no call waits for, after a failed save. (A timer's next tick and what a stream brings next find it loaded
    /// anew.)
    /// </summary>
    protected Task ReloadAsync() => _activation.ReloadAsync();

    /// <summary>
    /// Makes the state of an entity that does not exist. Unless overridden, as Orleans' storage providers do: by its parameterless
    /// constructor, or where there is none, with every member at its default.
    /// </summary>
    protected virtual TState CreateState() => ServiceProvider.GetRequiredService<IActivatorProvider>().GetActivator<TState>().Create();

    /// <summary>Tries once to bring what is acknowledged to PostgreSQL now instead of after the flush delay.</summary>
    /// <returns>True where PostgreSQL has it.</returns>
    protected async Task<bool> TryFlushAsync(CancellationToken cancellationToken = default)
    {
        var version = _session.Version;
        var flushed = await FlushTry.RunAsync(_session, _options.FlushTimeout, _logger, cancellationToken).ConfigureAwait(true);
        if (flushed == EntityFlush.Superseded && _session.Version == version)
        {
            _activation.GiveUp();
        }

        return flushed == EntityFlush.Saved;
    }

    /// <summary>Stands before and behind every call of this grain. Overrides must call it.</summary>
    public virtual async Task Invoke(IIncomingGrainCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var declaring = context.InterfaceMethod.DeclaringType;
        if (declaring is null || !(declaring.IsInstanceOfType(this) || declaring == typeof(IAsyncEnumerableGrainExtension)))
        {
            // The runtime's own calls (deactivation, migration) do not touch the state. Those that enumerate a method of the grain do: each
            // runs a piece of it, or gives what a piece made meanwhile.
            await (RuntimeCalls.RunGrainCode(declaring) ? InvokeForRuntimeAsync(context) : context.Invoke()).ConfigureAwait(true);
            return;
        }

        var enumeration = declaring == typeof(IAsyncEnumerableGrainExtension) ? (Guid)context.Request.GetArgument(0)! : (Guid?)null;
        if (enumeration is { } over && context.InterfaceMethod.Name == nameof(IAsyncEnumerableGrainExtension.DisposeAsync))
        {
            // Shows nothing, so there is nothing to wait for; and it must get through where saves fail.
            OpenEnumerations.Enter(over);
            await context.Invoke().ConfigureAwait(true);
            OpenEnumerations.Close(over);
            return;
        }

        var method = GrainMethod.Of(GetType(), context.InterfaceMethod);
        if (RequestContext.Get(Operations.ContextKey) is string named
            && OperationCall.Take(named, GrainContext.GrainId, method, _session.Options.Type, _session.Id) is { } operation)
        {
            _operations ??= new(
                this, _session, _activation, _options.RefuseEarly, ServiceProvider.GetRequiredService<Serializer>(), WriteThroughAsync);
            await (enumeration is null
                ? _operations.InvokeAsync(context, method, operation)
                : throw new NotSupportedException("An enumeration has no answer that could be kept, so it can't be an operation."))
                .ConfigureAwait(true);
            return;
        }

        if (!_activation.HasState)
        {
            await _activation.LoadAsync().ConfigureAwait(true);
        }

        if (method.Saves && _options.RefuseEarly)
        {
            _session.ThrowIfRefusing();
        }

        var call = enumeration is { } id ? OpenEnumerations.Enter(id) : CallScope.Begin(this);
        try
        {
            await context.Invoke().ConfigureAwait(true);
        }
        catch (Exception e) when (!method.ShowsUnacknowledged && e is not WriteBehindException)
        {
            // A refusal is an answer too ("none left"): it must not rest on a change that may never be acknowledged. (A failed save is
            // none.)
            await _activation.AcknowledgeAsync(call).ConfigureAwait(true);
            throw;
        }
        finally
        {
            method.Saves |= call.Saved is not null;
        }

        if (!method.ShowsUnacknowledged)
        {
            await _activation.AcknowledgeAsync(call).ConfigureAwait(true);
        }
    }

    /// <summary>
    /// Flushes what is dirty, together with the other grains that are deactivated, for a few seconds at most
    /// (<see cref="WriteBehindGrainOptions.FlushTimeout"/>). Only to be quick: what is not flushed here is flushed by the sweep. Overrides
    /// must call it, after their own last save.
    /// </summary>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // A save that no call waits for any more.
        await (_activation.Covering ?? Task.CompletedTask).WaitAsync(_options.FlushTimeout, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        _timer.Drop();
        if (_activation.HasState && _session.IsDirty && IsOrderly(reason.ReasonCode))
        {
            await TryFlushAsync(cancellationToken).ConfigureAwait(true);
        }

        await base.OnDeactivateAsync(reason, cancellationToken).ConfigureAwait(true);
    }

    /// <summary>
    /// A tick of a timer, or what a stream brings. It answers nobody, so it waits for no acknowledgement; but it looks at the state as a
    /// call does, so the state is there for it again after a failed save, and it can't mix an old one with a new one.
    /// </summary>
    private async Task InvokeForRuntimeAsync(IIncomingGrainCallContext context)
    {
        if (!_activation.HasState)
        {
            // Not for long, and without an error of its own: it may be the flush timer, which needs no state; and what does need it is
            // told.
            await _activation.LoadAsync().MayBeAbandoned().WaitAsync(_options.FlushTimeout)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }

        CallScope.Begin(this);
        await context.Invoke().ConfigureAwait(true);
    }

    private async Task WriteThroughAsync()
    {
        await _session.WriteThroughAsync().ConfigureAwait(true);
        if (!_session.IsDirty)
        {
            _timer.Drop();
        }
    }

    private Task FinishAsync(Task write, WriteStrategy strategy)
    {
        if (CallScope.Of(this) is { Held: not null } operation)
        {
            // All saves of an operation are one, once the method has returned.
            operation.IsThrough |= strategy == WriteStrategy.Through;
            return write;
        }

        return strategy == WriteStrategy.Through ? ThroughAsync() : write;

        async Task ThroughAsync()
        {
            await write.ConfigureAwait(true);
            await WriteThroughAsync().ConfigureAwait(true);
        }
    }

    // Orleans drops an enumerator that nobody asked for in one response time-out or two; a request may take another.
    private Enumerations OpenEnumerations => _enumerations ??= new(
        this,
        3 * ServiceProvider.GetRequiredService<IOptions<MessagingOptions>>().Value.ResponseTimeout,
        ServiceProvider.GetRequiredService<TimeProvider>());

    /// <summary>
    /// Whether the activation ends with nobody to take over at once. One that migrates goes on elsewhere, finds the entity dirty in Redis
    /// and arms its timer there; one that lost its place or failed has another owner already, or is not to be trusted.
    /// </summary>
    private static bool IsOrderly(DeactivationReasonCode reason) => reason
        is DeactivationReasonCode.ActivationIdle
        or DeactivationReasonCode.ShuttingDown
        or DeactivationReasonCode.ApplicationRequested
        or DeactivationReasonCode.RuntimeRequested
        or DeactivationReasonCode.HighMemoryPressure;
}

/// <summary>One try to flush an entity, with a time-out of its own: a deactivation waits for turns that are under way.</summary>
internal static partial class FlushTry
{
    /// <summary>Returns what it came to; null where it did not get through.</summary>
    public static async Task<EntityFlush?> RunAsync<TState>(
        IEntitySession<TState> session, TimeSpan timeout, ILogger logger, CancellationToken cancellationToken)
        where TState : class
    {
        try
        {
            return await session.TryFlushAsync(cancellationToken)
                .MayBeAbandoned()
                .WaitAsync(timeout, cancellationToken).ConfigureAwait(true);
        }
        catch (Exception e) when (e is WriteBehindException or TimeoutException or OperationCanceledException)
        {
            NotFlushed(logger, e, session.Options.Type, session.Id);
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Debug, "{Type} '{Id}' was not flushed; it stays dirty in Redis.")]
    private static partial void NotFlushed(ILogger logger, Exception error, string type, string id);
}
