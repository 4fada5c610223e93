namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>
/// Adds items. KEYS: ready, waiting. ARGV: most items, whether duplicates are left out (0 or 1), channel, then the items. Returns
/// 'added', 'waiting' or 'full' for each.
/// </summary>
internal static class EnqueueScript
{
    /// <summary>Arguments before the items.</summary>
    public const int Header = 3;

    // One message where the queue was empty is enough: whoever is woken takes until it is empty again. An empty list and a set that is
    // not would hold back items for ever (somebody deleted the list by hand), so the set is dropped with it.
    public const string Text = """
        local length = redis.call('LLEN', KEYS[1])
        local wasEmpty = length == 0
        local out = {}
        if wasEmpty then redis.call('DEL', KEYS[2]) end
        for i = 4, #ARGV do
          if ARGV[2] == '1' and redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 1 then
            out[#out + 1] = 'waiting'
          elseif length >= tonumber(ARGV[1]) then
            out[#out + 1] = 'full'
          else
            length = redis.call('LPUSH', KEYS[1], ARGV[i])
            if ARGV[2] == '1' then redis.call('SADD', KEYS[2], ARGV[i]) end
            out[#out + 1] = 'added'
          end
        end
        if wasEmpty and length > 0 then redis.call('PUBLISH', ARGV[3], '') end
        return out
        """;
}
