namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>
/// Moves items to a worker and renews its lease. KEYS: workers, ready, waiting, held. ARGV: worker, lease in ms, most items. Returns the
/// items, oldest first; nil where the worker is not known (any more).
/// </summary>
internal static class TakeScript
{
    // A worker that was given up must not go on under its old name: a late acknowledgement of what was taken from it would then find an
    // equal item that it took since, and that one would be lost if it died now.
    public const string Text = """
        if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return false end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
        local out = {}
        for i = 1, tonumber(ARGV[3]) do
          local item = redis.call('LMOVE', KEYS[2], KEYS[4], 'RIGHT', 'LEFT')
          if not item then break end
          redis.call('SREM', KEYS[3], item)
          out[i] = item
        end
        return out
        """;
}
