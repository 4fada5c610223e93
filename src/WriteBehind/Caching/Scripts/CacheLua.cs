namespace WriteBehind.Caching.Scripts;

/// <summary>
/// What the scripts of a cache share. KEYS[1] is the shard's control key, KEYS[2] its tags.
/// </summary>
/// <remarks>
/// <para>Everything is ordered by <em>stamps</em>: numbers that only grow, near Redis' time in µs (last + 1 where that clock stands still or
/// was set back). A load takes a stamp before it asks the database; an invalidation takes one when it happens. A fill is refused where
/// anything that concerns it has a later stamp than its load: then what was loaded may be older than what is there.</para>
/// <para>An entry is a hash: <c>s</c> stamp of its load, <c>x</c> its expiry and <c>a</c> the latest one it can be put off to (µs),
/// <c>d</c> payload (none: known to be absent), <c>v</c> version of the row, <c>c</c> load time in ms, <c>g</c> tags, <c>p</c> until when a
/// failed load is not tried again, <c>f</c> stamp of the key's last invalidation, <c>m</c> marks of writes under way. After an invalidation only
/// <c>f</c> and <c>m</c> are left, for as long as a load may take; with a mark <c>c</c> too, for the entry that follows.</para>
/// </remarks>
internal static class CacheLua
{
    // A control key that is missing is made up with a namespace stamp of now: whatever was stored or loaded before counts as obsolete, so a
    // Redis that came back empty, or evicted the key, can't bring an old entry back. The same where the tags are missing though there must be
    // some: once there is one the key stays, and 'g' says until when entries may live that have one.
    public const string Text = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local control = redis.call('HMGET', KEYS[1], 't', 'n', 'g')
        local last, floor = tonumber(control[1] or 0), tonumber(control[2] or 0)
        local function text(n) return string.format('%.0f', n) end
        local function stamp()
          last = math.max(last + 1, now)
          redis.call('HSET', KEYS[1], 't', text(last))
          return last
        end
        if not control[2] then
          floor = stamp()
          redis.call('HSET', KEYS[1], 'n', text(floor))
        elseif control[3] and tonumber(control[3]) > now and redis.call('EXISTS', KEYS[2]) == 0 then
          floor = stamp()
          redis.call('HSET', KEYS[1], 'n', text(floor))
          redis.call('HDEL', KEYS[1], 'g')
        end
        local function doubts(marks, without)
          local left = ''
          for token, ends in string.gmatch(marks or '', '(%x+):(%d+);') do
            if token ~= without and tonumber(ends) > now then left = left .. token .. ':' .. ends .. ';' end
          end
          return left
        end
        local function retagged(tags, since)
          for tag in string.gmatch(tags or '', '[^\n]+') do
            local at = redis.call('ZSCORE', KEYS[2], tag)
            if at and tonumber(at) >= since then return true end
          end
          return false
        end
        local function holds(s, tags)
          return s and tonumber(s) > floor and not retagged(tags, tonumber(s))
        end
        local function keep(key, micros)
          local ms = math.max(1, math.ceil(micros / 1000))
          if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, text(ms)) end
        end

        """;

    /// <summary>Telling the nodes: shard, stamp of the invalidation before, its own stamp, kind, names.</summary>
    public const string Publish = """
        local function publish(channel, shard, kind, names)
          local before = redis.call('HGET', KEYS[1], 'i')
          redis.call('HSET', KEYS[1], 'i', text(last))
          local message = { shard, before or '0', text(last), kind }
          for _, name in ipairs(names) do message[#message + 1] = name end
          redis.call('PUBLISH', channel, cjson.encode(message))
        end

        """;
}
