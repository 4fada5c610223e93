namespace WriteBehind.Caching.Queues;

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
