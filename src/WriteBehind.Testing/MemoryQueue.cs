using WriteBehind.Queues;

namespace WriteBehind.Testing;

/// <summary>What queues stand on in memory.</summary>
internal sealed class MemoryQueueServers(MemoryEngine engine) : IQueueServers
{
    public TimeProvider Time => engine.Servers.Time;

    public IQueueStore Connect(QueueOptions options)
        => new MemoryQueueStore(engine.Servers, engine.Servers.QueueOf(options.Name), options);
}

/// <summary>
/// What Redis would hold of one queue. Its members do what the queue's scripts do, each in one step: whoever calls them holds
/// <see cref="InMemoryWriteBehind.Gate"/>.
/// </summary>
internal sealed class QueueData(InMemoryWriteBehind servers)
{
    /// <summary>What waits; the first is the next to be taken.</summary>
    private readonly LinkedList<string> _ready = new();

    /// <summary>The same items, where duplicates are left out.</summary>
    private readonly HashSet<string> _waiting = new(StringComparer.Ordinal);

    private readonly Dictionary<string, MemoryWorker> _workers = new(StringComparer.Ordinal);
    private readonly List<WakeUps> _listeners = [];

    public QueueCounts Counts => new(_ready.Count, _workers.Values.Sum(static worker => worker.Held.Count), _workers.Count);

    public IEnumerable<string> Expired
        => _workers.Where(worker => worker.Value.LeaseEnd <= servers.Now).OrderBy(static worker => worker.Value.LeaseEnd)
            .Select(static worker => worker.Key);

    public void Listen(WakeUps listener) => _listeners.Add(listener);

    public void Leave(WakeUps listener) => _listeners.Remove(listener);

    public EnqueueOutcome Add(string item, QueueOptions options)
    {
        if (options.Deduplicate && _waiting.Contains(item))
        {
            return EnqueueOutcome.AlreadyWaiting;
        }

        if (_ready.Count >= options.MaxLength)
        {
            return EnqueueOutcome.Full;
        }

        _ready.AddLast(item);
        _waiting.Add(item);
        Wake();
        return EnqueueOutcome.Added;
    }

    /// <summary>Null where the worker is not known (any more).</summary>
    public string[]? Take(string name, int most, QueueOptions options)
    {
        if (!Renew(name, isNew: false, options))
        {
            return null;
        }

        var items = new List<string>();
        while (items.Count < most && _ready.First is { } next)
        {
            _ready.RemoveFirst();
            _waiting.Remove(next.Value);
            items.Add(next.Value);
        }

        _workers[name].Held.AddRange(items);
        return [.. items];
    }

    public bool Renew(string name, bool isNew, QueueOptions options)
    {
        if (!_workers.TryGetValue(name, out var worker) && !isNew)
        {
            return false;
        }

        worker ??= _workers[name] = new MemoryWorker(options.Deduplicate);
        worker.LeaseEnd = servers.Now + options.Lease;
        return true;
    }

    /// <summary>Returns how many items were put back; -1 where the worker lives, or somebody else has done it.</summary>
    public int GiveUp(string name, bool mustBeOver)
    {
        if (!_workers.TryGetValue(name, out var worker))
        {
            return mustBeOver ? -1 : 0;
        }

        if (mustBeOver && worker.LeaseEnd > servers.Now)
        {
            return -1;
        }

        _workers.Remove(name);
        return PutBack(worker, [.. worker.Held]);
    }

    public int GiveUpAll() => _workers.ToList().Sum(worker =>
    {
        GiveUp(worker.Key, mustBeOver: false);
        return worker.Value.Held.Count;
    });

    public int Acknowledge(string name, IEnumerable<string> items)
        => _workers.TryGetValue(name, out var worker) ? items.Count(worker.Held.Remove) : 0;

    public int Return(string name, IEnumerable<string> items)
    {
        if (!_workers.TryGetValue(name, out var worker))
        {
            return 0;
        }

        string[] held = [.. items.Reverse().Where(worker.Held.Remove).Reverse()];
        PutBack(worker, held);
        return held.Length;
    }

    public void Clear()
    {
        _ready.Clear();
        _waiting.Clear();
        _workers.Clear();
    }

    /// <summary>Puts items back as the next to be taken, in their order; returns how many, without those that wait again already.</summary>
    private int PutBack(MemoryWorker worker, string[] items)
    {
        var moved = 0;
        foreach (var item in items.Reverse())
        {
            if (_waiting.Add(item) || !worker.Deduplicates)
            {
                _ready.AddFirst(item);
                moved++;
            }
        }

        if (moved > 0)
        {
            Wake();
        }

        return moved;
    }

    private void Wake() => _listeners.ForEach(static listener => listener.Wake());
}

/// <summary>A worker that is known.</summary>
/// <param name="deduplicates">Whether its queue leaves out what waits already.</param>
internal sealed class MemoryWorker(bool deduplicates)
{
    public bool Deduplicates => deduplicates;

    public DateTimeOffset LeaseEnd { get; set; }

    /// <summary>What it holds, oldest first.</summary>
    public List<string> Held { get; } = [];
}

/// <summary>The way of one process to a queue.</summary>
internal sealed class MemoryQueueStore(InMemoryWriteBehind servers, QueueData data, QueueOptions options) : IQueueStore
{
    public Task<EnqueueOutcome[]> AddAsync(IReadOnlyList<string> items) => AskAsync(
        () =>
        {
            var lost = servers.TakeLostWrite();
            EnqueueOutcome[] outcomes = lost == false ? [] : [.. items.Select(item => data.Add(item, options))];
            return lost is null ? outcomes : throw new BufferUnavailableException(
                $"Whether an item of queue '{options.Name}' was added is unknown: the test has lost the answer " +
                $"({nameof(InMemoryWriteBehind.LoseNextAnswer)}).",
                outcomeUnknown: true,
                options.Name);
        },
        CancellationToken.None);

    public Task<string[]?> TakeAsync(string worker, int most) => AskAsync(() => data.Take(worker, most, options), CancellationToken.None);

    public Task<bool> RenewAsync(string worker, bool isNew, CancellationToken cancellationToken)
        => AskAsync(() => data.Renew(worker, isNew, options), cancellationToken);

    public Task<string[]> FindExpiredAsync(CancellationToken cancellationToken)
        => AskAsync(() => data.Expired.ToArray(), cancellationToken);

    public Task<int> GiveUpAsync(string worker, bool mustBeOver, CancellationToken cancellationToken)
        => AskAsync(() => data.GiveUp(worker, mustBeOver), cancellationToken);

    public Task<int> AcknowledgeAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
        => AskAsync(() => data.Acknowledge(worker, items), cancellationToken);

    public Task<int> ReturnAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
        => AskAsync(() => data.Return(worker, items), cancellationToken);

    public Task<QueueCounts> CountAsync(CancellationToken cancellationToken) => AskAsync(() => data.Counts, cancellationToken);

    public IQueueSignal OpenSignal() => new MemorySignal(servers, data, options.Name);

    private Task<T> AskAsync<T>(Func<T> step, CancellationToken cancellationToken)
        => servers.AskRedisAsync(options.Name, step, cancellationToken);
}

/// <summary>Wakes one worker.</summary>
internal sealed class MemorySignal(InMemoryWriteBehind servers, QueueData data, string queue) : IQueueSignal
{
    private readonly WakeUps _wakeUps = new();
    private bool _listens;

    public Task SubscribeAsync(CancellationToken cancellationToken)
    {
        lock (servers.Gate)
        {
            if (!_listens)
            {
                servers.CheckRedis(queue);
                data.Listen(_wakeUps);
                _listens = true;
            }
        }

        return Task.CompletedTask;
    }

    public Task WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
        => _wakeUps.WaitAsync(limit, time, cancellationToken);

    public ValueTask DisposeAsync()
    {
        lock (servers.Gate)
        {
            data.Leave(_wakeUps);
        }

        return ValueTask.CompletedTask;
    }
}
