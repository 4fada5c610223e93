using System.Collections.Concurrent;
using WriteBehind;

namespace Orleans.WriteBehind.Tests.Support;

/// <summary>Stands before the real sinks: sees what goes to the database, and can hold it up or fail it.</summary>
public sealed class SinkProbe
{
    private readonly ConcurrentDictionary<string, int> _underWay = new(StringComparer.Ordinal);
    private int _mostOfOne;
    private int _calls;
    private int _mostCalls;

    /// <summary>Whether the database is away for saves, loads and its clock.</summary>
    public bool IsAway { get; set; }

    /// <summary>Runs before each batch is sent; may wait or throw.</summary>
    public Func<IReadOnlyList<string>, Task>? BeforeSave { get; set; }

    /// <summary>The ids of every batch that was sent, in order.</summary>
    public ConcurrentQueue<IReadOnlyList<string>> Batches { get; } = new();

    /// <summary>The ids of every load that was sent.</summary>
    public ConcurrentQueue<IReadOnlyList<string>> Loads { get; } = new();

    /// <summary>The most saves of one entity that were under way at once: more than one breaks the protocol.</summary>
    public int MostConcurrentSavesOfOne => Volatile.Read(ref _mostOfOne);

    /// <summary>The most calls that were under way at once; each holds a connection.</summary>
    public int MostConcurrentCalls => Volatile.Read(ref _mostCalls);

    internal IEntitySink<TState> Wrap<TState>(IEntitySink<TState> sink)
        where TState : class
        => new ProbedSink<TState>(this, sink);

    private void ThrowIfAway()
    {
        if (IsAway)
        {
            throw new SinkException(SinkFailure.Transient, "The database is away (test).", "57P03");
        }
    }

    private async Task<T> CallAsync<T>(Func<Task<T>> call)
    {
        var now = Interlocked.Increment(ref _calls);
        for (var most = Volatile.Read(ref _mostCalls); now > most; most = Volatile.Read(ref _mostCalls))
        {
            Interlocked.CompareExchange(ref _mostCalls, now, most);
        }

        try
        {
            return await call();
        }
        finally
        {
            Interlocked.Decrement(ref _calls);
        }
    }

    private void Enter(IReadOnlyList<string> ids)
    {
        foreach (var id in ids)
        {
            var now = _underWay.AddOrUpdate(id, 1, static (_, count) => count + 1);
            if (now > _mostOfOne)
            {
                Volatile.Write(ref _mostOfOne, now);
            }
        }
    }

    private void Leave(IReadOnlyList<string> ids)
    {
        foreach (var id in ids)
        {
            _underWay.AddOrUpdate(id, 0, static (_, count) => count - 1);
        }
    }

    private sealed class ProbedSink<TState>(SinkProbe probe, IEntitySink<TState> sink) : IEntitySink<TState>
        where TState : class
    {
        public string Description => sink.Description;

        public Task VerifyAsync(CancellationToken cancellationToken) => sink.VerifyAsync(cancellationToken);

        public string? CheckId(string id) => sink.CheckId(id);

        public string? CheckState(TState state) => sink.CheckState(state);

        public string? CheckEveryState(TState state) => sink.CheckEveryState(state);

        public async Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
        {
            probe.ThrowIfAway();
            return await probe.CallAsync(() => sink.ReadClockAsync(cancellationToken));
        }

        public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        {
            probe.ThrowIfAway();
            probe.Loads.Enqueue(ids);
            return await probe.CallAsync(() => sink.LoadAsync(ids, cancellationToken));
        }

        public async Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        {
            probe.ThrowIfAway();
            return await probe.CallAsync(() => sink.LoadVersionsAsync(ids, cancellationToken));
        }

        public async Task<SaveResult[]> SaveAsync(
            IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
        {
            probe.ThrowIfAway();
            string[] ids = [.. items.Select(item => item.Id)];
            probe.Enter(ids);
            try
            {
                if (probe.BeforeSave is { } before)
                {
                    await before(ids);
                }

                probe.Batches.Enqueue(ids);
                return await probe.CallAsync(() => sink.SaveAsync(items, deadline, timeout, cancellationToken));
            }
            finally
            {
                probe.Leave(ids);
            }
        }
    }
}
