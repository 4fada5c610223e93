namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Counts what waits in one shard. KEYS: dirty, dead. ARGV: a score or empty. Returns dirty entities (up to that score), dead letters,
/// the age of the oldest dirty one in ms (or -1), and Redis time in ms.
/// </summary>
internal static class BacklogScript
{
    public const string Text = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local age = -1
        local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
        if oldest[2] then age = math.max(0, now - tonumber(oldest[2])) end
        local dirty
        if ARGV[1] == '' then dirty = redis.call('ZCARD', KEYS[1]) else dirty = redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1]) end
        return { dirty, redis.call('HLEN', KEYS[2]), age, string.format('%.0f', now) }
        """;
}
