using System.Runtime.CompilerServices;

namespace WriteBehind.Common;

/// <summary>Tasks that go on after those who waited for them have gone.</summary>
internal static class AbandonedTask
{
    /// <summary>
    /// The task itself. To be called before a wait that can be given up (<c>await load.MayBeAbandoned().WaitAsync(cancellationToken)</c>):
    /// if the task fails after that, nobody else looks at its error, and that is no reason for
    /// <see cref="TaskScheduler.UnobservedTaskException"/>.
    /// </summary>
    public static TTask MayBeAbandoned<TTask>(this TTask task)
        where TTask : Task
    {
        if (!task.IsCompleted)
        {
            _ = task.ContinueWith(
                static left => left.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        return task;
    }
}

/// <summary>
/// Work that serves all callers, and so must not run in the context of the one who happened to come first: its ambient transaction would
/// take in our connections, and its culture, tenant or trace would be everybody's.
/// </summary>
internal static class Detached
{
    private static readonly ExecutionContext Nobodys = CaptureNobodys();

    /// <summary>
    /// Starts work here and now, in nobody's <see cref="ExecutionContext"/>: for what only talks to Redis, which no ambient transaction of
    /// the thread can take in. Saves the way over the pool.
    /// </summary>
    public static void Begin<TState>(Func<TState, Task> work, TState state)
        => ExecutionContext.Run(
            Nobodys,
            static begin =>
            {
                var (work, state) = ((Func<TState, Task>, TState))begin!;
                _ = work(state);
            },
            (work, state));

    /// <summary>
    /// The same for work that is waited for. Also for what goes on with a scheduler of its own, as a grain's does: the thread's stays.
    /// </summary>
    public static Task<T> Call<TState, T>(Func<TState, Task<T>> work, TState state)
    {
        var call = new StrongBox<(Func<TState, Task<T>> Work, TState State, Task<T>? Running)>((work, state, null));
        ExecutionContext.Run(
            Nobodys,
            static begin =>
            {
                ref var call = ref ((StrongBox<(Func<TState, Task<T>> Work, TState State, Task<T>? Running)>)begin!).Value;
                call.Running = call.Work(call.State);
            },
            call);
        return call.Value.Running!;
    }

    /// <summary>
    /// Starts work on a thread of the pool, without the caller's <see cref="ExecutionContext"/>. A thread of its own because an ambient
    /// transaction may be bound to the thread instead of the context. What the work throws is its own to deal with.
    /// </summary>
    public static void Start<TState>(Func<TState, Task> work, TState state)
        => ThreadPool.UnsafeQueueUserWorkItem(static start => _ = start.work(start.state), (work, state), preferLocal: true);

    /// <summary>The same for work that is waited for.</summary>
    public static Task<T> RunAsync<TState, T>(Func<TState, Task<T>> work, TState state) => WithoutFlow(() => Task.Run(() => work(state)));

    /// <summary>The same without a result.</summary>
    public static Task RunAsync(Func<Task> work) => WithoutFlow(() => Task.Run(work));

    /// <summary>The context of a thread that nobody handed one to.</summary>
    private static ExecutionContext CaptureNobodys()
    {
        ExecutionContext? captured = null;
        var thread = new Thread(() => captured = ExecutionContext.Capture());
        thread.UnsafeStart();
        thread.Join();
        return captured!;
    }

    private static T WithoutFlow<T>(Func<T> start)
    {
        // To suppress it twice is an error.
        if (ExecutionContext.IsFlowSuppressed())
        {
            return start();
        }

        using (ExecutionContext.SuppressFlow())
        {
            return start();
        }
    }
}

/// <summary>
/// A sink whose work runs in nobody's context (<see cref="Detached"/>), whoever asks for it: a flush or a load of many callers must not
/// join the ambient transaction of one.
/// </summary>
internal sealed class DetachedSink<TState>(IEntitySink<TState> sink) : IEntitySink<TState>
    where TState : class
{
    public string Description => sink.Description;

    public Task VerifyAsync(CancellationToken cancellationToken) => Detached.RunAsync(() => sink.VerifyAsync(cancellationToken));

    public Task<DatabaseIdentity?> IdentifyAsync(CancellationToken cancellationToken)
        => Detached.RunAsync(static call => call.sink.IdentifyAsync(call.cancellationToken), (sink, cancellationToken));

    public Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
        => Detached.RunAsync(static call => call.sink.ReadClockAsync(call.cancellationToken), (sink, cancellationToken));

    public Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
        => Detached.RunAsync(
            static call => call.sink.SaveAsync(call.items, call.deadline, call.timeout, call.cancellationToken),
            (sink, items, deadline, timeout, cancellationToken));

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => Detached.RunAsync(static call => call.sink.LoadAsync(call.ids, call.cancellationToken), (sink, ids, cancellationToken));

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => Detached.RunAsync(static call => call.sink.LoadVersionsAsync(call.ids, call.cancellationToken), (sink, ids, cancellationToken));

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => Detached.RunAsync(static call => call.sink.LoadAgainAsync(call.ids, call.cancellationToken), (sink, ids, cancellationToken));

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => Detached.RunAsync(
            static call => call.sink.LoadVersionsAgainAsync(call.ids, call.cancellationToken), (sink, ids, cancellationToken));

    public string? CheckId(string id) => sink.CheckId(id);

    public string? CheckState(TState state) => sink.CheckState(state);

    public string? CheckEveryState(TState state) => sink.CheckEveryState(state);
}

/// <summary>Makes them.</summary>
internal static class DetachedSinks
{
    public static IEntitySink<TState> CreateDetached<TState>(this IEntitySinkFactory sinks, EntityTypeOptions<TState> options)
        where TState : class
        => new DetachedSink<TState>(sinks.Create(options));
}
