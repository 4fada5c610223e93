using StackExchange.Redis;

namespace WriteBehind.Caching.Queues;

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
    /// How many were still held. Fewer than asked for means that the lease was over in between, and that others do them again or have done so.
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
