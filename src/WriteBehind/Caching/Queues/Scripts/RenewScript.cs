namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>
/// Says that a worker lives. KEYS: workers. ARGV: worker, lease in ms, whether it is new (0 or 1). Returns 1; 0 where it is not known (any
/// more). A worker whose lease is over but whose items nobody has taken back goes on with them.
/// </summary>
internal static class RenewScript
{
    public const string Text = """
        if ARGV[3] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
        return 1
        """;
}
