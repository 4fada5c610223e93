namespace WriteBehind.Common;

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
