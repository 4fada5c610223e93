namespace WriteBehind.Buffer;

/// <summary>What waits in the shards of a type. On a cluster one server may be away and the others not.</summary>
/// <param name="Shards">By shard; null where Redis did not answer.</param>
/// <param name="Unseen">How many were dirty in those when they last answered.</param>
/// <param name="Failure">Why they did not; null where all did.</param>
internal sealed record TypeBacklog(IReadOnlyList<ShardBacklog?> Shards, long Unseen, BufferUnavailableException? Failure)
{
    /// <summary>How many are dirty, as far as it is known.</summary>
    public long Dirty => Unseen + Shards.Sum(static shard => shard?.Dirty ?? 0);
}
