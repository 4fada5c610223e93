namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>
/// Puts items back that a worker holds, as the next to be taken. KEYS: ready, waiting, held. ARGV: whether duplicates are left out (0 or
/// 1), channel, then the items, oldest first. Returns how many were held.
/// </summary>
internal static class ReturnScript
{
    /// <summary>Arguments before the items.</summary>
    public const int Header = 2;

    public const string Text = """
        local returned = 0
        for i = #ARGV, 3, -1 do
          if redis.call('LREM', KEYS[3], -1, ARGV[i]) == 1 then
            returned = returned + 1
            if ARGV[1] == '0' or redis.call('SADD', KEYS[2], ARGV[i]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[i]) end
          end
        end
        if returned > 0 then redis.call('PUBLISH', ARGV[2], '') end
        return returned
        """;
}
