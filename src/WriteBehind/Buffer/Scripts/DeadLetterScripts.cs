namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Setting entities aside and getting them back. One entity a call: this is the rare path. Whether an entity moved on is told by the
/// nonce of its write, which stands for its version and for more (as when it is settled).
/// </summary>
internal static class DeadLetterScripts
{
    /// <summary>
    /// Sets an entity aside unless it moved on. KEYS: dirty, dead, entity, fence. ARGV: id, nonce, letter, then for a fenced one
    /// the row's version and the fence time in ms, else empty. Returns 1 where it was set aside.
    /// </summary>
    // A fenced state leaves the entity key (it is kept in the letter): the newer row counts, and the fence tells owners to reload.
    // The HDEL has no effect that lasts; but once a script has written, Redis lets it go on where maxmemory is reached, too.
    public const string SetAside = """
        if (redis.call('HGET', KEYS[3], 'w') or '') ~= ARGV[2] then return 0 end
        redis.call('HDEL', KEYS[2], ARGV[1])
        redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
        redis.call('ZREM', KEYS[1], ARGV[1])
        if ARGV[4] ~= '' then
          redis.call('DEL', KEYS[3])
          redis.call('SET', KEYS[4], ARGV[4] .. ':', 'PX', ARGV[5])
        end
        return 1
        """;

    /// <summary>
    /// Makes a dead entity dirty again. KEYS: dirty, dead, entity. ARGV: id, the field that marks the write and what it holds. Returns 1
    /// where it did, 0 where the entity no longer holds that write (a fenced one, whose state is in the letter).
    /// </summary>
    public const string Retry = """
        if (redis.call('HGET', KEYS[3], ARGV[2]) or '') ~= ARGV[3] then return 0 end
        local time = redis.call('TIME')
        redis.call('HDEL', KEYS[2], ARGV[1])
        redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
        return 1
        """;

    /// <summary>
    /// Drops a dead entity's state for good. KEYS: dirty, dead, entity, fence. ARGV: id, the field that marks the write and
    /// what it holds, next version, fence time in ms.
    /// </summary>
    // The fence is one past the dropped version, so that an owner which still holds the dropped state is refused and reloads.
    public const string Discard = """
        redis.call('HDEL', KEYS[2], ARGV[1])
        if (redis.call('HGET', KEYS[3], ARGV[2]) or '') == ARGV[3] and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
          redis.call('DEL', KEYS[3])
          redis.call('SET', KEYS[4], ARGV[4] .. ':', 'PX', ARGV[5])
        end
        return 1
        """;
}
