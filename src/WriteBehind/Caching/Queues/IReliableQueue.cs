namespace WriteBehind.Caching.Queues;

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
    /// Opens a worker: one consumer that takes items. Dispose it, so that what it holds goes back at once; one that is simply dropped, or whose
    /// process dies, is noticed when its lease is over.
    /// </summary>
    IQueueWorker OpenWorker();

    /// <summary>Counts what is in the queue.</summary>
    Task<QueueCounts> CountAsync(CancellationToken cancellationToken = default);
}
