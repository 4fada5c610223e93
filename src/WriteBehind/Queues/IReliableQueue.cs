using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.Queues;

/// <summary>
/// A queue in Redis that loses nothing when a worker dies: what a worker takes moves to a list of its own and stays there until it is
/// acknowledged; when the worker is not heard of any more, others take it back. Every item is delivered at least once, first in first out.
/// Registered with <c>AddQueue</c>, and got as a keyed service by its name.
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
    private readonly string _worker;

    internal QueueBatch(ReliableQueue queue, string worker, IReadOnlyList<string> items)
        => (_queue, _worker, Items) = (queue, worker, items);

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
        => _queue.AcknowledgeAsync(_worker, items ?? Items, cancellationToken);

    /// <summary>Gives items back undone: they are the next to be taken, in their old order.</summary>
    /// <param name="items">Which; null for all.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    /// <returns>How many were still held.</returns>
    /// <exception cref="BufferUnavailableException">Redis is away. Returning again does no harm.</exception>
    public Task<int> ReturnAsync(IReadOnlyCollection<string>? items = null, CancellationToken cancellationToken = default)
        => _queue.ReturnAsync(_worker, items ?? Items, cancellationToken);
}

/// <summary>What is in a queue. The numbers are read one after the other: while items move, they need not add up.</summary>
/// <param name="Waiting">Items that wait.</param>
/// <param name="Held">Items that workers hold, also dead ones whose lease is not over.</param>
/// <param name="Workers">Workers that are known, also dead ones until they are noticed.</param>
public readonly record struct QueueCounts(long Waiting, long Held, long Workers);

/// <summary>The settings of one queue. All are validated at start-up.</summary>
public sealed class QueueOptions
{
    internal QueueOptions(string name) => Name = name;

    /// <summary>
    /// The registered name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'. The hash tag of every key of the queue.
    /// </summary>
    public string Name { get; }

    /// <summary>
    /// How long a worker that is not heard of any more keeps what it took; default 30 s, at least 1 s, up to 1 day. Workers say that they
    /// live three times as often. Shorter brings the items of a dead worker back sooner; a process that stands still for longer loses
    /// its items to others and may find that their work was done twice.
    /// </summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often an idle worker looks without having been woken; default 1 s, 10 ms to 1 h. Wake-up messages are not reliable; this is how
    /// late a lost one is made up for.
    /// </summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The most items that may wait; default 100,000. Further ones are refused. Items that workers hold don't count.</summary>
    public int MaxLength { get; set; } = 100_000;

    /// <summary>
    /// Whether an item that equals one that waits already is left out; default false. An item that a worker holds does not wait: the same
    /// item can then be added again, because the worker may have looked before the reason for the new one.
    /// </summary>
    public bool Deduplicate { get; set; }

    /// <summary>The longest item, in UTF-8 bytes; default 4,096, at most 1 MiB. Queues are for ids, not for documents.</summary>
    public int MaxItemBytes { get; set; } = 4096;
}

/// <summary>Checks the settings of all queues; every message names the queue, the setting, its value and the fix.</summary>
internal sealed class QueueOptionsValidator(
    IEnumerable<QueueOptions> queues, IEnumerable<EntityTypeOptions> entities) : IValidateOptions<WriteBehindOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        var failures = SettingsCheck.Twice("queue", queues.Select(static queue => queue.Name)).ToList();
        foreach (var taken in entities.Where(entity => entity.NotifyFlush && queues.Any(queue => queue.Name == entity.Type)))
        {
            failures.Add(
                $"NotifyFlush of entity type '{taken.Type}' is 'True', and a queue has the same name: its notices go through that name, " +
                "so give the queue another.");
        }

        foreach (var queue in queues)
        {
            failures.AddRange(Validate(queue));
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static List<string> Validate(QueueOptions options)
    {
        var settings = SettingsCheck.Of("queue", options.Name);
        settings.CheckName(options.Name);
        settings.Check(
            options.Lease >= TimeSpan.FromSeconds(1) && options.Lease <= SettingsCheck.LongestTime,
            nameof(options.Lease),
            options.Lease,
            "use 1 s to 1 day.");
        settings.Check(
            options.PollInterval >= TimeSpan.FromMilliseconds(10) && options.PollInterval <= TimeSpan.FromHours(1),
            nameof(options.PollInterval),
            options.PollInterval,
            "use 10 ms to 1 h.");
        settings.Check(options.MaxLength >= 1, nameof(options.MaxLength), options.MaxLength, "use 1 or more.");
        settings.Check(
            options.MaxItemBytes is >= 1 and <= 1 << 20, nameof(options.MaxItemBytes), options.MaxItemBytes, "use 1 byte to 1 MiB.");
        return settings.Failures;
    }
}
