using WriteBehind.Redis;

namespace WriteBehind.Queues;

/// <summary>Removes items that are done. KEYS: held. ARGV: the items. Returns how many there were.</summary>
internal static class AcknowledgeScript
{
    public static readonly RedisScript Script = new("""
        local removed = 0
        for i = 1, #ARGV do removed = removed + redis.call('LREM', KEYS[1], -1, ARGV[i]) end
        return removed
        """);
}

/// <summary>
/// Adds items. KEYS: ready, waiting. ARGV: most items, whether duplicates are left out (0 or 1), channel, then the items. Returns
/// 'added', 'waiting' or 'full' for each.
/// </summary>
internal static class EnqueueScript
{
    public static readonly RedisScript Script = new("""
        local length = redis.call('LLEN', KEYS[1])
        local wasEmpty = length == 0
        local out = {}
        -- An empty list beside a set that is not (somebody deleted the list by hand) would hold back items for ever.
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
        -- One message for a queue that was empty is enough: the worker that it wakes takes until the queue is empty again.
        if wasEmpty and length > 0 then redis.call('PUBLISH', ARGV[3], '') end
        return out
        """);
}

/// <summary>Finds workers whose lease is over. KEYS: workers. Returns the first hundred.</summary>
internal static class ExpiredScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
        return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
        """);
}

/// <summary>
/// Puts back what a worker holds, as the next to be taken and in its old order, and forgets the worker. KEYS: workers, ready, waiting,
/// held. ARGV: worker, whether its lease must be over (0 or 1), whether duplicates are left out (0 or 1), channel. Returns how many items
/// were put back; -1 where the worker lives, or somebody else has done it.
/// </summary>
internal static class ReclaimScript
{
    public static readonly RedisScript Script = new("""
        local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if ARGV[2] == '1' then
          local time = redis.call('TIME')
          if not lease or tonumber(lease) > time[1] * 1000 + math.floor(time[2] / 1000) then return -1 end
        end
        local moved = 0
        -- The newest item is moved first, so that the oldest ends up at the end that is taken from.
        while true do
          local item = redis.call('LMOVE', KEYS[4], KEYS[2], 'LEFT', 'RIGHT')
          if not item then break end
          -- One that was added again meanwhile waits already: it is left to be done, as one that was never taken.
          if ARGV[3] == '1' and redis.call('SADD', KEYS[3], item) == 0 then
            redis.call('RPOP', KEYS[2])
          else
            moved = moved + 1
          end
        end
        redis.call('ZREM', KEYS[1], ARGV[1])
        if moved > 0 then redis.call('PUBLISH', ARGV[4], '') end
        return moved
        """);
}

/// <summary>
/// Says that a worker lives. KEYS: workers. ARGV: worker, lease in ms, whether it is new (0 or 1). Returns 1; 0 where it is not known (any
/// more). A worker whose lease is over but whose items nobody has taken back goes on with them.
/// </summary>
internal static class RenewScript
{
    public static readonly RedisScript Script = new("""
        if ARGV[3] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
        return 1
        """);
}

/// <summary>
/// Puts items back that a worker holds, as the next to be taken. KEYS: ready, waiting, held. ARGV: whether duplicates are left out (0 or
/// 1), channel, then the items, oldest first. Returns how many were held.
/// </summary>
internal static class ReturnScript
{
    public static readonly RedisScript Script = new("""
        local returned = 0
        for i = #ARGV, 3, -1 do
          if redis.call('LREM', KEYS[3], -1, ARGV[i]) == 1 then
            returned = returned + 1
            if ARGV[1] == '0' or redis.call('SADD', KEYS[2], ARGV[i]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[i]) end
          end
        end
        if returned > 0 then redis.call('PUBLISH', ARGV[2], '') end
        return returned
        """);
}

/// <summary>
/// Moves items to a worker and renews its lease. KEYS: workers, ready, waiting, held. ARGV: worker, lease in ms, most items. Returns the
/// items, oldest first; nil where the worker is not known (any more).
/// </summary>
internal static class TakeScript
{
    public static readonly RedisScript Script = new("""
        -- A worker that was given up must not go on under its old name: a late acknowledgement of what was taken from it would then
        -- find an equal item that it took since, and that one would be lost if the worker died now.
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
        """);
}
