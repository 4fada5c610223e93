using StackExchange.Redis;

namespace WriteBehind.Queues;

/// <summary>
/// A queue in Redis that loses nothing when a worker dies: what a worker takes moves to a list of its own and stays there until it is
/// acknowledged; when the worker is not heard of any more, others take it back. Every item is delivered at least once, first in first out.
/// Registered with <see cref="QueueBuilderExtensions.AddQueue"/>, and got as a keyed service by its name.
/// </summary>
/// <remarks>Every member may throw <see cref="BufferUnavailableException"/>: Redis is away, or refused.</remarks>
#pragma warning disable CA1711 // It is a queue, though not a collection.
public interface IReliableQueue
#pragma warning restore CA1711
{
    /// <summary>The registered name.</summary>
    string Name { get; }

    /// <summary>
    /// Adds an item. Calls that come while a round trip is under way share the next one, in their order. Where the outcome is unknown
    /// (<see cref="BufferUnavailableException.OutcomeUnknown"/>) and the item is added again, it may be delivered twice.
    /// </summary>
    /// <exception cref="ArgumentException">The item is longer than <see cref="QueueOptions.MaxItemBytes"/>.</exception>
    Task<EnqueueOutcome> EnqueueAsync(string item, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens a worker: one consumer that takes items. Dispose it, so that what it holds goes back at once; one that is simply dropped, or
    /// whose process dies, is noticed when its lease is over.
    /// </summary>
    IQueueWorker OpenWorker();

    /// <summary>Counts what is in the queue.</summary>
    Task<QueueCounts> CountAsync(CancellationToken cancellationToken = default);
}

/// <summary>What became of an item that was to be added.</summary>
public enum EnqueueOutcome
{
    /// <summary>It waits at the end of the queue.</summary>
    Added,

    /// <summary>An equal one waits already (<see cref="QueueOptions.Deduplicate"/>); nothing was added.</summary>
    AlreadyWaiting,

    /// <summary>The queue has reached <see cref="QueueOptions.MaxLength"/>; nothing was added.</summary>
    Full,
}

/// <summary>One consumer of a queue. Its members are called one at a time; acknowledging may go on meanwhile.</summary>
public interface IQueueWorker : IAsyncDisposable
{
    /// <summary>
    /// Takes items, oldest first; waits until there is at least one. Brings back what dead workers held on the way.
    /// </summary>
    /// <param name="most">The most items; 1 to 10,000.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="BufferUnavailableException">Redis is away. What may have been taken unseen comes back when the lease is
    /// over.</exception>
    Task<QueueBatch> TakeAsync(int most = 1, CancellationToken cancellationToken = default);

    /// <summary>The same, but waits no longer than <paramref name="wait"/>; the batch is then empty.</summary>
    /// <param name="most">The most items; 1 to 10,000.</param>
    /// <param name="wait">How long to wait; 0 does not.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="BufferUnavailableException">Redis is away. What may have been taken unseen comes back when the lease is
    /// over.</exception>
    Task<QueueBatch> TryTakeAsync(int most, TimeSpan wait, CancellationToken cancellationToken = default);
}

/// <summary>Items that a worker holds until they are acknowledged or returned.</summary>
public sealed class QueueBatch
{
    private readonly ReliableQueue _queue;
    private readonly RedisKey _held;

    internal QueueBatch(ReliableQueue queue, RedisKey held, IReadOnlyList<string> items) => (_queue, _held, Items) = (queue, held, items);

    /// <summary>The items, oldest first.</summary>
    public IReadOnlyList<string> Items { get; }

    /// <summary>Says that items are done: they are gone for good.</summary>
    /// <param name="items">Which; null for all.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    /// <returns>
    /// How many were still held. Fewer than asked for means that the lease was over in between, and that others do them again or have done
    /// so.
    /// </returns>
    /// <exception cref="BufferUnavailableException">Redis is away. Acknowledging again does no harm.</exception>
    public Task<int> AcknowledgeAsync(IReadOnlyCollection<string>? items = null, CancellationToken cancellationToken = default)
        => _queue.AcknowledgeAsync(_held, items ?? Items, cancellationToken);

    /// <summary>Gives items back undone: they are the next to be taken, in their old order.</summary>
    /// <param name="items">Which; null for all.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    /// <returns>How many were still held.</returns>
    /// <exception cref="BufferUnavailableException">Redis is away. Returning again does no harm.</exception>
    public Task<int> ReturnAsync(IReadOnlyCollection<string>? items = null, CancellationToken cancellationToken = default)
        => _queue.ReturnAsync(_held, items ?? Items, cancellationToken);
}

/// <summary>What is in a queue. The numbers are read one after the other: while items move, they need not add up.</summary>
/// <param name="Waiting">Items that wait.</param>
/// <param name="Held">Items that workers hold, also dead ones whose lease is not over.</param>
/// <param name="Workers">Workers that are known, also dead ones until they are noticed.</param>
public readonly record struct QueueCounts(long Waiting, long Held, long Workers);
