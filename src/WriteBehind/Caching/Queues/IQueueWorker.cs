namespace WriteBehind.Caching.Queues;

/// <summary>One consumer of a queue. Its members are called one at a time; acknowledging may go on meanwhile.</summary>
public interface IQueueWorker : IAsyncDisposable
{
    /// <summary>
    /// Takes items, oldest first; waits until there is at least one. Brings back what dead workers held on the way.
    /// </summary>
    /// <param name="most">The most items; 1 to 10,000.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="BufferUnavailableException">Redis is away. What may have been taken unseen comes back when the lease is over.</exception>
    Task<QueueBatch> TakeAsync(int most = 1, CancellationToken cancellationToken = default);

    /// <summary>The same, but waits no longer than <paramref name="wait"/>; the batch is then empty.</summary>
    /// <param name="most">The most items; 1 to 10,000.</param>
    /// <param name="wait">How long to wait; 0 does not.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="BufferUnavailableException">Redis is away. What may have been taken unseen comes back when the lease is over.</exception>
    Task<QueueBatch> TryTakeAsync(int most, TimeSpan wait, CancellationToken cancellationToken = default);
}
