namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>
/// Puts back what a worker holds, as the next to be taken and in its old order, and forgets the worker. KEYS: workers, ready, waiting,
/// held. ARGV: worker, whether its lease must be over (0 or 1), whether duplicates are left out (0 or 1), channel. Returns how many items
/// were put back; -1 where the worker lives, or somebody else has done it.
/// </summary>
internal static class ReclaimScript
{
    // The newest item is moved first, so that the oldest ends up at the end that is taken from. An item that was added again meanwhile
    // waits already: dropping this one leaves the newer to be done, as one that was never taken.
    public const string Text = """
        local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if ARGV[2] == '1' then
          local time = redis.call('TIME')
          if not lease or tonumber(lease) > time[1] * 1000 + math.floor(time[2] / 1000) then return -1 end
        end
        local moved = 0
        while true do
          local item = redis.call('LMOVE', KEYS[4], KEYS[2], 'LEFT', 'RIGHT')
          if not item then break end
          if ARGV[3] == '1' and redis.call('SADD', KEYS[3], item) == 0 then
            redis.call('RPOP', KEYS[2])
          else
            moved = moved + 1
          end
        end
        redis.call('ZREM', KEYS[1], ARGV[1])
        if moved > 0 then redis.call('PUBLISH', ARGV[4], '') end
        return moved
        """;
}
