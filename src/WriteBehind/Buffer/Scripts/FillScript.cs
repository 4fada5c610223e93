namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Puts what was loaded from the database into Redis as a clean entry, unless Redis knows something newer. KEYS: epoch, entity, fence.
/// ARGV: known epoch, known at, fence time in ms, version, payload, TTL in ms. Returns 1 where it was put.
/// </summary>
internal static class FillScript
{
    // The same check as for a writer's knowledge: a fill that is older than a fence lasts has nothing to be checked against.
    public const string Text = VersionLua.Text + """
        if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        if redis.call('GET', KEYS[1]) ~= ARGV[1] or now - tonumber(ARGV[2]) >= tonumber(ARGV[3]) then return 0 end
        local fenced, _, failure = fence(KEYS[3])
        if failure or fenced and newer(fenced, ARGV[4]) then return 0 end
        redis.call('HSET', KEYS[2], 'v', ARGV[4], 'w', '', 'd', ARGV[5])
        redis.call('PEXPIRE', KEYS[2], ARGV[6])
        return 1
        """;
}
