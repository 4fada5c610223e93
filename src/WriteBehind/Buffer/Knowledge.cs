namespace WriteBehind.Buffer;

/// <summary>
/// What a writer knows about an entity, and since when. The stamp is Redis' own time and epoch, not this process' clock: a process
/// that slept, or whose clock was set, can't believe its knowledge to be younger than it is. A write is accepted only on knowledge of
/// the same epoch that is younger than a fence lasts.
/// </summary>
/// <param name="Version">The version believed to be the current one; 0 for an entity that was never written.</param>
/// <param name="KnownAt">Redis time in ms, read before whatever the knowledge came from.</param>
/// <param name="Epoch">The shard's epoch at that time.</param>
internal readonly record struct Knowledge(long Version, long KnownAt, string Epoch)
{
    /// <summary>No knowledge at all.</summary>
    public static readonly Knowledge None = new(0, 0, string.Empty);
}

/// <summary>The epoch of each shard, as Redis told it last.</summary>
internal sealed class ShardEpochs(int shards)
{
    private readonly string?[] _known = new string?[shards];
    private int _emptied;

    /// <summary>What was told last; null before the first time.</summary>
    public string? this[int shard] => Volatile.Read(ref _known[shard]);

    /// <summary>
    /// Whether a shard was seen to have come back empty since the last call: on a cluster one server may, and the others not.
    /// </summary>
    public bool TakeEmptied() => Interlocked.Exchange(ref _emptied, 0) == 1;

    /// <summary>Takes note of what Redis told, and gives it back.</summary>
    public string Note(int shard, string epoch)
    {
        if (this[shard] is { } known && known == epoch)
        {
            // One text for all that is known of the shard, instead of one for each entity.
            return known;
        }

        if (Interlocked.Exchange(ref _known[shard], epoch) is { } before && before != epoch)
        {
            Volatile.Write(ref _emptied, 1);
        }

        return epoch;
    }
}
