using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// Counts what waits in one shard, and tries whether it takes writes. KEYS: dirty, dead, epoch, pause. ARGV: a score or empty. Returns
/// dirty entities (up to that score), dead letters, the age of the oldest dirty one in ms (or -1), Redis time in ms, whether any mark is
/// ahead of it, why it takes no write (nil where it does), and the pause (empty for none).
/// </summary>
internal static class BacklogScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local age = -1
        local oldest = redis.call('ZRANGE', KEYS[1], '0', '0', 'WITHSCORES')
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
        local pause = redis.call('GET', KEYS[4]) or ''
        return { dirty, redis.call('HLEN', KEYS[2]), age, string.format('%.0f', now), ahead > 0 and 1 or 0, refusal, pause }
        """);
}

/// <summary>Marks a clean state dirty again. KEYS: dirty, entity. ARGV: id, nonce. Returns 1 where it did.</summary>
internal static class MarkDirtyScript
{
    public static readonly RedisScript Script = new("""
        if redis.call('HGET', KEYS[2], 'w') ~= ARGV[2] or redis.call('PTTL', KEYS[2]) < 0 then return 0 end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
        redis.call('PERSIST', KEYS[2])
        return 1
        """);
}

/// <summary>
/// Puts what was loaded from the database into Redis as a clean entry, unless Redis knows something newer. KEYS: epoch, entity, fence,
/// dirty. ARGV: id, known epoch, known at, fence time in ms, version, payload, TTL in ms. Returns 1 where it was put.
/// </summary>
internal static class FillScript
{
    public static readonly RedisScript Script = new(VersionLua.Text, EpochLua.Text, """
        -- A mark without a state is one that Redis lost, and a flusher is to find that out. A clean entry under it would be saved as if it
        -- were the lost write; and a write on top of it would go on expiring, as only the first write under a mark ends that.
        if redis.call('ZSCORE', KEYS[4], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[3])
        -- The same check as for a writer's knowledge: a fill that is older than a fence lasts has nothing to be checked against.
        local epoch = redis.call('GET', KEYS[1])
        if epoch ~= ARGV[2] or age >= tonumber(ARGV[4]) or age < 0 then return 0 end
        local stored = entity(KEYS[2], nil, 'w')
        if stored.err then return 0 end
        if stored[1] then
          -- Only a clean entry of before Redis went back makes room, for what the database has now.
          if not old(stored[2], epoch) or redis.call('PTTL', KEYS[2]) < 0 or newer(stored[1], ARGV[5]) then return 0 end
          redis.call('DEL', KEYS[2])
        end
        local fenced, _, failure = fence(KEYS[3])
        if failure or fenced and newer(fenced, ARGV[5]) then return 0 end
        local g = generation(epoch)
        redis.call('HSET', KEYS[2], 'v', ARGV[5], 'w', g and '.' .. g or '', 'd', ARGV[6])
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
/// Reads a batch of entities of one shard. KEYS: epoch, the process' calls, then entity and fence of each. ARGV: candidate epoch, known
/// epoch, the process' last write call and the time that the clock must show (µs).
/// Returns Redis time in µs, the epoch, then version, payload, tombstone mark, fenced version (nil where there is none), time to live in ms
/// (a clean entry has one, a dirty one never) and the nonce of the entity, or else of the fence, of each.
/// </summary>
internal static class ReadScript
{
    public static readonly RedisScript Script = new(VersionLua.Text, EpochLua.Text, """
        -- The time is taken before the caller asks the database, so what it learns there is at least as young as the stamp says.
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local epoch = redis.call('GET', KEYS[1])
        if not epoch then
          epoch = begun(ARGV[1], now, ARGV[2] ~= '')
          -- Has no effect; but once a script has written, Redis lets it go on even at maxmemory: the first read of a shard must not fail.
          redis.call('PERSIST', KEYS[1])
          redis.call('SET', KEYS[1], epoch)
        else
          epoch = heard(KEYS[1], epoch, ARGV[2], redis.call('GET', KEYS[2]), ARGV[3], ARGV[4], now, ARGV[1])
        end
        local out = { string.format('%.0f', now), epoch }
        for k = 3, #KEYS, 2 do
          local stored = entity(KEYS[k], nil, 'd', 'x', 'w')
          local fenced, nonce
          if not stored.err and not stored[1] then
            local failure
            fenced, nonce, failure = fence(KEYS[k + 1])
            if failure then stored = { err = failure } end
          end
          if stored.err then
            out[#out + 1], out[#out + 2], out[#out + 3] = 'error', stored.err, false
          else
            out[#out + 1], out[#out + 2], out[#out + 3] = stored[1], stored[2], stored[3]
          end
          out[#out + 1] = fenced or false
          out[#out + 1] = (not stored.err and stored[1]) and redis.call('PTTL', KEYS[k]) or -1
          out[#out + 1] = nonce or not stored.err and stored[4] or ''
        end
        return out
        """);
}

/// <summary>
/// Setting entities aside and getting them back. One entity a call: this is the rare path. Whether an entity moved on is told by the
/// nonce of its write, which stands for its version and for more (as when it is settled).
/// </summary>
internal static class DeadLetterScripts
{
    /// <summary>
    /// Sets an entity aside unless it moved on. KEYS: dirty, dead, entity, fence, epoch. ARGV: id, nonce, letter (empty for none), then for
    /// a fenced one the row's version and the fence time in ms, else empty. Returns 1 where it was set aside.
    /// </summary>
    public static readonly RedisScript SetAside = new(EpochLua.Text, """
        if (redis.call('HGET', KEYS[3], 'w') or '') ~= ARGV[2] then return 0 end
        -- The HDEL has no effect that lasts; but once a script has written, Redis lets it go on even at maxmemory.
        redis.call('HDEL', KEYS[2], ARGV[1])
        if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
        redis.call('ZREM', KEYS[1], ARGV[1])
        -- A fenced state leaves the entity key (the letter keeps it): the newer row counts, and the fence tells owners to reload.
        if ARGV[4] ~= '' then
          redis.call('DEL', KEYS[3])
          -- Nobody goes on from what was known before: the row may have the very version that its owner takes for its own.
          local time = redis.call('TIME')
          local g = generation(redis.call('GET', KEYS[5]) or '')
          local name = ':!' .. string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) .. (g and '.' .. g or '')
          redis.call('SET', KEYS[4], ARGV[4] .. name, 'PX', ARGV[5])
        end
        return 1
        """);

    /// <summary>
    /// Makes a dead entity dirty again. KEYS: dirty, dead, entity. ARGV: id, the field that marks the write and what it holds. Returns 1
    /// where it did, 0 where the entity no longer holds that write (a fenced one, whose state is in the letter) or is no letter any more.
    /// </summary>
    public static readonly RedisScript Retry = new("""
        if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
        if (redis.call('HGET', KEYS[3], ARGV[2]) or '') ~= ARGV[3] then return 0 end
        local time = redis.call('TIME')
        redis.call('HDEL', KEYS[2], ARGV[1])
        redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
        return 1
        """);

    /// <summary>
    /// Takes a letter that holds its state, so that it can be written anew, which takes more than one step, without somebody else doing
    /// the same or discarding it. KEYS: dead, retry. ARGV: id, the letter, for how long in ms, who takes it. Returns 0 where somebody has
    /// it, or it is not there any more.
    /// </summary>
    public static readonly RedisScript Take = new("""
        if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
        return redis.call('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[3]) and 1 or 0
        """);

    /// <summary>Gives it back, or ends what was taken. KEYS: retry. ARGV: who took it.</summary>
    public static readonly RedisScript GiveBack = new("""
        return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
        """);

    /// <summary>
    /// Drops a dead entity's state for good. KEYS: dirty, dead, entity, fence, retry. ARGV: id, the field that marks the write and
    /// what it holds, next version, fence time in ms, the letter. Returns 0 where another letter is there by now, or none, or where
    /// somebody writes its state anew.
    /// </summary>
    public static readonly RedisScript Discard = new("""
        -- The very letter that was read: one that was retried and set aside anew tells of another write, and nobody has seen it.
        if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[6] or redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
        redis.call('HDEL', KEYS[2], ARGV[1])
        if (redis.call('HGET', KEYS[3], ARGV[2]) or '') == ARGV[3] and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
          redis.call('DEL', KEYS[3])
          -- The fence is one past the dropped version, so that an owner which still holds the dropped state is refused and reloads.
          redis.call('SET', KEYS[4], ARGV[4] .. ':', 'PX', ARGV[5])
        end
        return 1
        """);
}

/// <summary>What waits in one shard.</summary>
/// <param name="Dirty">Dirty entities.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="OldestAge">The age of the oldest dirty entity; null where nothing is dirty.</param>
/// <param name="Now">Redis time in ms.</param>
/// <param name="IsAhead">Whether some were marked by a clock that went back since: how old they are Redis can't tell.</param>
/// <param name="Refusal">Redis' words where it takes no writes; null where it does.</param>
/// <param name="Pause">The pause of the type's flush; null where there is none.</param>
internal readonly record struct ShardBacklog(
    long Dirty, long Dead, TimeSpan? OldestAge, long Now, bool IsAhead, string? Refusal, FlushPause? Pause);

/// <summary>What waits in the shards of a type. On a cluster one server may be away and the others not.</summary>
/// <param name="Shards">By shard; null where Redis did not answer.</param>
/// <param name="Unseen">How many were dirty in those when they last answered.</param>
/// <param name="Failure">Why they did not; null where all did.</param>
internal sealed record TypeBacklog(IReadOnlyList<ShardBacklog?> Shards, long Unseen, BufferUnavailableException? Failure)
{
    /// <summary>Before the first count.</summary>
    public static readonly TypeBacklog Unknown = new([], 0, null) { IsWhole = false };

    /// <summary>Whether all was counted. Where it was not, unknown is not zero.</summary>
    public bool IsWhole { get; init; } = Failure is null;

    /// <summary>How many are dirty, as far as it is known.</summary>
    public long Dirty => Unseen + Shards.Sum(static shard => shard?.Dirty ?? 0);

    /// <summary>How the shards of all types are doing.</summary>
    public static RedisShards ShardsOf(TypeBacklog[] types)
    {
        ShardBacklog?[] shards = [.. types.SelectMany(static backlog => backlog.Shards)];
        var refusal = shards.Select(static shard => shard?.Refusal).FirstOrDefault(static refusal => refusal is not null);
        return new RedisShards(
            shards.Length,
            shards.Count(static shard => shard is null),
            shards.Count(static shard => shard?.Refusal is not null),
            types.Select(static backlog => backlog.Failure?.Message).FirstOrDefault(static message => message is not null)
                ?? (refusal is null ? null : RedisErrors.Explain(refusal)));
    }
}
