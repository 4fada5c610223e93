using System.Collections.Concurrent;

namespace WriteBehind.Tests.Support;

/// <summary>
/// Stands before the real sink: sees what goes to the database, and can hold it up or fail it. What it lets through is really saved.
/// </summary>
public sealed class SinkProbe
{
    private readonly Dictionary<string, int> _underWay = new(StringComparer.Ordinal);
    private int _batches;
    private int _clockReads;
    private int _loads;
    private int _secondQuestions;
    private int _concurrentBatches;

    /// <summary>Runs before each batch is sent; may wait or throw a <see cref="SinkException"/>.</summary>
    public Func<IReadOnlyList<string>, Task>? BeforeSave { get; set; }

    /// <summary>Runs after each batch was saved, before the flusher learns of it; may wait or throw.</summary>
    public Func<IReadOnlyList<string>, Task>? AfterSave { get; set; }

    /// <summary>Runs before each load; may wait or throw.</summary>
    public Func<IReadOnlyList<string>, Task>? BeforeLoad { get; set; }

    /// <summary>Runs after each load, before the engine has the rows; may wait or throw.</summary>
    public Func<IReadOnlyList<string>, Task>? AfterLoad { get; set; }

    /// <summary>Every item of every batch that was sent, in order.</summary>
    public ConcurrentQueue<(string Id, long Version, bool IsDelete)> Sent { get; } = new();

    /// <summary>How many batches were sent.</summary>
    public int Batches => Volatile.Read(ref _batches);

    /// <summary>How often the database's clock was asked for.</summary>
    public int ClockReads => Volatile.Read(ref _clockReads);

    /// <summary>How many ids were looked up.</summary>
    public int Loads => Volatile.Read(ref _loads);

    /// <summary>How often was asked again what seemed too old.</summary>
    public int SecondQuestions => Volatile.Read(ref _secondQuestions);

    /// <summary>The most batches that were under way at once.</summary>
    public int MostConcurrentBatches { get; private set; }

    /// <summary>The most saves of one entity that were under way at once: more than one breaks the protocol.</summary>
    public int MostConcurrentSavesOfOne { get; private set; }

    /// <summary>A transient failure, as a database that is away gives it.</summary>
    public static SinkException Outage() => new(SinkFailure.Transient, "The database is away (test).", "57P03");

    /// <summary>Every item that was sent for one entity, in order.</summary>
    public IReadOnlyList<(string Id, long Version, bool IsDelete)> SentFor(string id) => [.. Sent.Where(item => item.Id == id)];

    internal IEntitySink<TState> Wrap<TState>(IEntitySink<TState> sink)
        where TState : class
        => new ProbedSink<TState>(this, sink);

    private void Enter(IReadOnlyList<string> ids)
    {
        lock (_underWay)
        {
            _batches++;
            MostConcurrentBatches = Math.Max(MostConcurrentBatches, ++_concurrentBatches);
            foreach (var id in ids)
            {
                MostConcurrentSavesOfOne = Math.Max(MostConcurrentSavesOfOne, _underWay[id] = _underWay.GetValueOrDefault(id) + 1);
            }
        }
    }

    private void Leave(IReadOnlyList<string> ids)
    {
        lock (_underWay)
        {
            _concurrentBatches--;
            foreach (var id in ids)
            {
                if (--_underWay[id] == 0)
                {
                    _underWay.Remove(id);
                }
            }
        }
    }

    private sealed class ProbedSink<TState>(SinkProbe probe, IEntitySink<TState> sink) : IEntitySink<TState>
        where TState : class
    {
        public string Description => sink.Description;

        public Task VerifyAsync(CancellationToken cancellationToken) => sink.VerifyAsync(cancellationToken);

        public Task<DatabaseIdentity?> IdentifyAsync(CancellationToken cancellationToken) => sink.IdentifyAsync(cancellationToken);

        public Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref probe._clockReads);
            return sink.ReadClockAsync(cancellationToken);
        }

        public string? CheckId(string id) => sink.CheckId(id);

        public string? CheckState(TState state) => sink.CheckState(state);

        public string? CheckEveryState(TState state) => sink.CheckEveryState(state);

        public Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
            => LoadAsync(ids, () => sink.LoadAsync(ids, cancellationToken));

        public Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
            => LoadAsync(ids, () => sink.LoadVersionsAsync(ids, cancellationToken));

        public Task<IReadOnlyList<StoredRow<TState>>> LoadAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref probe._secondQuestions);
            return LoadAsync(ids, () => sink.LoadAgainAsync(ids, cancellationToken));
        }

        public Task<IReadOnlyList<StoredVersion>> LoadVersionsAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref probe._secondQuestions);
            return LoadAsync(ids, () => sink.LoadVersionsAgainAsync(ids, cancellationToken));
        }

        public async Task<SaveResult[]> SaveAsync(
            IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
        {
            string[] ids = [.. items.Select(item => item.Id)];
            probe.Enter(ids);
            try
            {
                if (probe.BeforeSave is { } before)
                {
                    await before(ids);
                }

                foreach (var item in items)
                {
                    probe.Sent.Enqueue((item.Id, item.Version, item.IsDelete));
                }

                var results = await sink.SaveAsync(items, deadline, timeout, cancellationToken);
                if (probe.AfterSave is { } after)
                {
                    await after(ids);
                }

                return results;
            }
            finally
            {
                probe.Leave(ids);
            }
        }

        private async Task<T> LoadAsync<T>(IReadOnlyList<string> ids, Func<Task<T>> load)
        {
            if (probe.BeforeLoad is { } hook)
            {
                await hook(ids);
            }

            var rows = await load();
            Interlocked.Add(ref probe._loads, ids.Count);
            if (probe.AfterLoad is { } after)
            {
                await after(ids);
            }

            return rows;
        }
    }
}
