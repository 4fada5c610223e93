namespace WriteBehind.Caching.Local;

/// <summary>
/// Whether all invalidations of a shard were heard of. Each message names the one before it, so those heard form a chain; the end of the
/// chain is compared with what Redis says was the last one. Not safe for concurrent use.
/// </summary>
internal sealed class ShardSequence
{
    private const int MostWaiting = 10_000;

    private readonly Dictionary<long, long> _waiting = [];
    private long? _heard;
    private long _polled;

    /// <summary>The latest invalidation that Redis has said there was. Whoever asks it from now on and is told of an earlier one knows that it forgot.</summary>
    public long Known => Math.Max(_heard ?? 0, _polled);

    /// <summary>Begins anew after an invalidation of everything: whatever was missed before it does not matter any more.</summary>
    public void Restart(long stamp)
    {
        (_heard, _polled) = (stamp, stamp);
        _waiting.Clear();
    }

    /// <summary>Takes note of a message. They may come in any order.</summary>
    public void Hear(long before, long stamp)
    {
        if (_heard is null || stamp <= _heard || _waiting.Count >= MostWaiting)
        {
            return;
        }

        _waiting[before] = stamp;
        while (_waiting.Remove(_heard.Value, out var next))
        {
            _heard = next;
        }
    }

    /// <summary>
    /// Takes note of the last invalidation that Redis knows; false where some were missed. Those since the poll before are not counted:
    /// their messages may be on their way.
    /// </summary>
    public bool Poll(long last)
    {
        var isWhole = _heard is null || (_heard >= _polled && last >= _polled);
        if (_heard is null || !isWhole)
        {
            _heard = last;
            _waiting.Clear();
        }

        _polled = last;
        return isWhole;
    }
}
