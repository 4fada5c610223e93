namespace WriteBehind.Buffer;

/// <summary>The epoch of each shard, as Redis told it last.</summary>
internal sealed class ShardEpochs(int shards)
{
    private readonly string?[] _known = new string?[shards];
    private int _emptied;

    /// <summary>What was told last; null before the first time.</summary>
    public string? this[int shard] => Volatile.Read(ref _known[shard]);

    /// <summary>Whether a shard was seen to have come back empty since the last call: on a cluster one server may, and the others not.</summary>
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
