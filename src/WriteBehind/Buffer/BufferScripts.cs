using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// Counts what waits in one shard, and tries whether it takes writes. KEYS: dirty, dead, epoch. ARGV: a score or empty. Returns dirty
/// entities (up to that score), dead letters, the age of the oldest dirty one in ms (or -1), Redis time in ms, whether any mark is ahead
/// of it, and why it takes no write (nil where it does).
/// </summary>
internal static class BacklogScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local age = -1
        local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
        if oldest[2] then age = math.max(0, now - tonumber(oldest[2])) end
        -- Marks ahead of the clock are from before it went back: no write of later has one.
        local ahead = redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf')
        local dirty
        if ARGV[1] == '' then
          dirty = redis.call('ZCARD', KEYS[1])
        else
          dirty = redis.call('ZCOUNT', KEYS[1], '-inf', string.format('%.0f', math.min(now, tonumber(ARGV[1])))) + ahead
        end
        -- Writes nothing, whether the epoch is there or not (a shard that was never used has none); but is refused where a write would be.
        local refusal = false
        local tried = redis.pcall('SET', KEYS[3], '', redis.call('EXISTS', KEYS[3]) == 1 and 'NX' or 'XX')
        if type(tried) == 'table' and tried.err then refusal = tried.err end
        return { dirty, redis.call('HLEN', KEYS[2]), age, string.format('%.0f', now), ahead > 0 and 1 or 0, refusal }
        """);
}

/// <summary>
/// Puts what was loaded from the database into Redis as a clean entry, unless Redis knows something newer. KEYS: epoch, entity, fence,
/// dirty. ARGV: id, known epoch, known at, fence time in ms, version, payload, TTL in ms. Returns 1 where it was put.
/// </summary>
internal static class FillScript
{
    public static readonly RedisScript Script = new(VersionLua.Text, """
        -- A mark without a state is one that Redis lost, and a flusher is to find that out. A clean entry under it would be saved as if it
        -- were the lost write; and a write on top of it would go on expiring, as only the first write under a mark ends that.
        if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('ZSCORE', KEYS[4], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- The same check as for a writer's knowledge: a fill that is older than a fence lasts has nothing to be checked against.
        if redis.call('GET', KEYS[1]) ~= ARGV[2] or now - tonumber(ARGV[3]) >= tonumber(ARGV[4]) then return 0 end
        local fenced, _, failure = fence(KEYS[3])
        if failure or fenced and newer(fenced, ARGV[5]) then return 0 end
        redis.call('HSET', KEYS[2], 'v', ARGV[5], 'w', '', 'd', ARGV[6])
        redis.call('PEXPIRE', KEYS[2], ARGV[7])
        return 1
        """);
}

/// <summary>
/// Takes a clean entry out: one that is neither dirty nor set aside, and so expires by itself. Its fence stays. KEYS: entity, dirty, dead.
/// ARGV: id. Returns 1 where it was there.
/// </summary>
internal static class EvictOneScript
{
    public static readonly RedisScript Script = new("""
        if redis.call('ZSCORE', KEYS[2], ARGV[1]) or redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then return 0 end
        -- What has no end is nothing of a flusher's, or not of this library: it is left alone.
        if redis.call('PTTL', KEYS[1]) < 0 then return 0 end
        return redis.call('DEL', KEYS[1])
        """);
}

/// <summary>
/// Reads a batch of entities of one shard. KEYS: epoch, then entity and fence of each. ARGV: candidate epoch.
/// Returns Redis time in ms, the epoch, then version, payload, tombstone mark, fenced version (nil where there is none)
/// and time to live in ms of each; a clean entry has one, a dirty one never.
/// </summary>
internal static class ReadScript
{
    public static readonly RedisScript Script = new(VersionLua.Text, """
        -- The time is taken before the caller asks the database, so what it learns there is at least as young as the stamp says.
        local time = redis.call('TIME')
        local epoch = redis.call('GET', KEYS[1])
        if not epoch then
          epoch = ARGV[1]
          redis.call('SET', KEYS[1], epoch)
        end
        local out = { string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), epoch }
        for k = 2, #KEYS, 2 do
          local stored = entity(KEYS[k], nil, 'd', 'x')
          local fenced, _
          if not stored.err and not stored[1] then
            local failure
            fenced, _, failure = fence(KEYS[k + 1])
            if failure then stored = { err = failure } end
          end
          if stored.err then
            out[#out + 1], out[#out + 2], out[#out + 3] = 'error', stored.err, false
          else
            out[#out + 1], out[#out + 2], out[#out + 3] = stored[1], stored[2], stored[3]
          end
          out[#out + 1] = fenced or false
          out[#out + 1] = (not stored.err and stored[1]) and redis.call('PTTL', KEYS[k]) or -1
        end
        return out
        """);
}
