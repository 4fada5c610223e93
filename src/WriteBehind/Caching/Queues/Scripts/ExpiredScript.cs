namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>Finds workers whose lease is over. KEYS: workers. Returns the first hundred.</summary>
internal static class ExpiredScript
{
    public const string Text = """
        local time = redis.call('TIME')
        local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
        return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
        """;
}
