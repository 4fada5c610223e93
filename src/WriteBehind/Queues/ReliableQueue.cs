using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Extensions.Logging;
using WriteBehind.Redis;

namespace WriteBehind.Queues;

/// <summary>The queue of one name, over its lists: bounds, batches of additions, and the counting of what moves.</summary>
internal sealed partial class ReliableQueue : IReliableQueue
{
    private const int MostItems = 512;
    private const int MostBytes = 1 << 20;

    private readonly IQueueStore _store;
    private readonly QueueMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly GroupBatcher<string, EnqueueOutcome> _additions;

    public ReliableQueue(QueueOptions options, IQueueServers servers, QueueMetrics metrics, ILogger logger)
    {
        (Options, _store, _metrics, _time, _logger) = (options, servers.Connect(options), metrics, servers.Time, logger);
        _additions = new(AddAsync, MostItems, Encoding.UTF8.GetByteCount, MostBytes);
    }

    public string Name => Options.Name;

    public QueueOptions Options { get; }

    public Task<EnqueueOutcome> EnqueueAsync(string item, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(item);
        var bytes = Encoding.UTF8.GetByteCount(item);
        return bytes <= Options.MaxItemBytes
            ? _additions.SendAsync(item).WaitAsync(cancellationToken)
            : throw new ArgumentException(
                $"The item has {bytes} bytes in UTF-8; the queue '{Name}' takes {Options.MaxItemBytes} (MaxItemBytes).", nameof(item));
    }

    public IQueueWorker OpenWorker() => new QueueWorker(this, _store.OpenSignal(), _time, _logger);

    public Task<QueueCounts> CountAsync(CancellationToken cancellationToken = default) => _store.CountAsync(cancellationToken);

    /// <summary>Takes what is there; null where the worker is not known (any more).</summary>
    public async Task<QueueBatch?> TakeAsync(string worker, int most)
    {
        if (await _store.TakeAsync(worker, most).ConfigureAwait(false) is not { } items)
        {
            return null;
        }

        _metrics.Count(Name, "taken", items.Length);
        return new QueueBatch(this, worker, items);
    }

    /// <summary>Says that a worker lives; false where it is not known (any more).</summary>
    public Task<bool> RenewAsync(string worker, bool isNew, CancellationToken cancellationToken)
        => _store.RenewAsync(worker, isNew, cancellationToken);

    /// <summary>Puts back what workers hold whose lease is over.</summary>
    public async Task ReclaimAsync(CancellationToken cancellationToken)
    {
        foreach (var worker in await _store.FindExpiredAsync(cancellationToken).ConfigureAwait(false))
        {
            var items = await GiveUpAsync(worker, mustBeOver: true, cancellationToken).ConfigureAwait(false);
            if (items > 0)
            {
                _metrics.Count(Name, "reclaimed", items);
                Reclaimed(_logger, items, Name, worker);
            }
        }
    }

    /// <summary>Puts back what a worker holds, and forgets it.</summary>
    public Task<int> GiveUpAsync(string worker, bool mustBeOver, CancellationToken cancellationToken)
        => _store.GiveUpAsync(worker, mustBeOver, cancellationToken);

    public async Task<int> AcknowledgeAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
        {
            return 0;
        }

        var removed = await _store.AcknowledgeAsync(worker, items, cancellationToken).ConfigureAwait(false);
        _metrics.Count(Name, "acknowledged", removed);
        return removed;
    }

    public async Task<int> ReturnAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
    {
        var returned = await _store.ReturnAsync(worker, items, cancellationToken).ConfigureAwait(false);
        _metrics.Count(Name, "returned", returned);
        return returned;
    }

    private async Task<IReadOnlyList<EnqueueOutcome>> AddAsync(IReadOnlyList<string> items)
    {
        var outcomes = await _store.AddAsync(items).ConfigureAwait(false);
        _metrics.Count(Name, "added", outcomes.Count(static outcome => outcome == EnqueueOutcome.Added));
        _metrics.Count(Name, "already_waiting", outcomes.Count(static outcome => outcome == EnqueueOutcome.AlreadyWaiting));
        _metrics.Count(Name, "full", outcomes.Count(static outcome => outcome == EnqueueOutcome.Full));
        return outcomes;
    }

    [LoggerMessage(
        1, LogLevel.Warning,
        "{Count} items of queue '{Queue}' are delivered again: worker {Worker} was not heard of for longer than its lease.")]
    private static partial void Reclaimed(ILogger logger, int count, string queue, string worker);
}

/// <summary>What the queues of a process stand on: Redis, or in tests what is in its place.</summary>
internal interface IQueueServers
{
    /// <summary>The clock that workers wait by.</summary>
    TimeProvider Time { get; }

    /// <summary>Makes the way to the lists of a queue.</summary>
    IQueueStore Connect(QueueOptions options);
}

/// <summary>
/// The lists of one queue: what waits, and what each worker holds. Every move from one to another is one step, so there is no moment at
/// which an item is in none or, unless it was added twice, in two.
/// </summary>
/// <remarks>Every member may throw <see cref="BufferUnavailableException"/>.</remarks>
internal interface IQueueStore
{
    /// <summary>Adds items, in their order.</summary>
    Task<EnqueueOutcome[]> AddAsync(IReadOnlyList<string> items);

    /// <summary>Moves items to a worker and renews its lease; oldest first. Null where the worker is not known (any more).</summary>
    Task<string[]?> TakeAsync(string worker, int most);

    /// <summary>Says that a worker lives; false where it is not known (any more).</summary>
    Task<bool> RenewAsync(string worker, bool isNew, CancellationToken cancellationToken);

    /// <summary>Workers whose lease is over.</summary>
    Task<string[]> FindExpiredAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Puts back what a worker holds, as the next to be taken and in its old order, and forgets the worker. Returns how many items were put
    /// back; -1 where the worker lives, or somebody else has done it.
    /// </summary>
    Task<int> GiveUpAsync(string worker, bool mustBeOver, CancellationToken cancellationToken);

    /// <summary>Removes items that are done; returns how many were held.</summary>
    Task<int> AcknowledgeAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken);

    /// <summary>Puts items back that a worker holds, as the next to be taken; returns how many were held.</summary>
    Task<int> ReturnAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken);

    Task<QueueCounts> CountAsync(CancellationToken cancellationToken);

    /// <summary>What wakes a worker.</summary>
    IQueueSignal OpenSignal();
}

/// <summary>Counts the items of all queues of an engine.</summary>
internal sealed class QueueMetrics(EngineMeter meter)
{
    private readonly Counter<long> _items = meter.Meter.CreateCounter<long>(WriteBehindDiagnostics.QueueItems, "{item}");

    public void Count(string queue, string outcome, int items = 1)
    {
        if (items > 0)
        {
            _items.Add(items, new(WriteBehindDiagnostics.QueueTag, queue), new(WriteBehindDiagnostics.OutcomeTag, outcome));
        }
    }
}
