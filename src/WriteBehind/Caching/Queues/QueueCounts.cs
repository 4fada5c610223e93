namespace WriteBehind.Caching.Queues;

/// <summary>What is in a queue. The numbers are read one after the other: while items move, they need not add up.</summary>
/// <param name="Waiting">Items that wait.</param>
/// <param name="Held">Items that workers hold, also dead ones whose lease is not over.</param>
/// <param name="Workers">Workers that are known, also dead ones until they are noticed.</param>
public readonly record struct QueueCounts(long Waiting, long Held, long Workers);
