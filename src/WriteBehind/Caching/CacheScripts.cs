using WriteBehind.Redis;

namespace WriteBehind.Caching;

/// <summary>
/// What the scripts of a cache share. KEYS[1] is the shard's control key, KEYS[2] its tags.
/// </summary>
/// <remarks>
/// <para>Everything is ordered by <em>stamps</em>: numbers that only grow, near Redis' time in µs (last + 1 where that clock stands still
/// or was set back). A load takes a stamp before it asks the database; an invalidation takes one when it happens. A fill is refused where
/// anything that concerns it has a later stamp than its load: then what was loaded may be older than what is there.</para>
/// <para>An entry is a hash: <c>s</c> stamp of its load, <c>x</c> its expiry and <c>a</c> the latest one it can be put off to (µs),
/// <c>v</c> version of the row, <c>c</c> load time in ms, <c>g</c> tags, <c>p</c> until when a
/// failed load is not tried again, <c>f</c> stamp of the key's last invalidation, <c>m</c> marks of writes under way. After an invalidation
/// only <c>f</c> and <c>m</c> are left, for as long as a load may take; with a mark <c>c</c> too, for the entry that follows.</para>
/// <para>Its content is a string of its own (<see cref="EntryContent"/>), written and deleted in the same step as the entry: so hits take
/// one MGET, which costs Redis a ninth of a script that reads hashes. An entry without content is none. A content without tags whose entry
/// Redis evicted counts until it expires: whatever makes it obsolete deletes it, or raises the namespace's stamp.</para>
/// </remarks>
internal static class CacheLua
{
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
        -- A control key that is missing is made up with a namespace stamp of now: all that was stored or loaded before counts as obsolete,
        -- so a Redis that came back empty, or evicted the key, can't bring an old entry back.
        if not control[2] then
          floor = stamp()
          redis.call('HSET', KEYS[1], 'n', text(floor))
        -- The same if the tags are missing though there must be some: the key stays once there is one, and 'g' says until when entries
        -- may live that have one.
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
          if not tags or tags == '' then return false end
          for tag in string.gmatch(tags, '[^\n]+') do
            local at = redis.call('ZSCORE', KEYS[2], tag)
            if at and tonumber(at) >= since then return true end
          end
          return false
        end
        local function holds(s, tags)
          return s and tonumber(s) > floor and not retagged(tags, tonumber(s))
        end
        local function content(key, s, x, c, version, tags, has, payload, micros)
          local kind = tags == '' and (has and 'p' or 'n') or has and 'P' or 'N'
          local head = kind .. s .. ' ' .. x .. ' ' .. c .. ' ' .. version .. '\n'
          redis.call('SET', key, head .. payload, 'PX', text(math.max(1, math.ceil(micros / 1000))))
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

/// <summary>
/// Puts what was loaded into entries of one shard, unless something newer is known, and frees the locks. KEYS: control, tags, then entry,
/// content and lock of each. ARGV: process token, fence time in µs, stale time in µs, sliding time in µs, then of each: stamp, version
/// (empty: none), time to live in µs, whether there is a payload, payload, load time in ms, tags. Returns 1 or 0 of each.
/// </summary>
internal static class FillEntriesScript
{
    public const int Header = 4;
    public const int PerEntry = 7;

    public static readonly RedisScript Script = new(CacheLua.Text, VersionLua.Text, """
        local fenced, stale, sliding = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
        local out = {}
        for k = 3, #KEYS, 3 do
          local key, at = KEYS[k], 5 + 7 * (k - 3) / 3
          local s, version, ttl, tags = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 6]
          if redis.call('GET', KEYS[k + 2]) == ARGV[1] .. ':' .. ARGV[at] then redis.call('DEL', KEYS[k + 2]) end
          local e = redis.pcall('HMGET', key, 's', 'f', 'v', 'm', 'g', 'x')
          -- A load that began longer ago than invalidations are remembered has nothing to be checked against.
          -- Its head names its load, too: Redis may have evicted the entry and left a newer content.
          local head = redis.pcall('GETRANGE', KEYS[k + 1], 0, 31)
          local ok = not e.err and type(head) == 'string' and tonumber(string.match(head, '^%a(%d+) ') or 0) <= s
            and now - s < fenced and holds(ARGV[at], tags) and doubts(e[4]) == ''
            and not (e[1] and tonumber(e[1]) > s) and not (e[2] and tonumber(e[2]) >= s)
          -- An older version is refused only while the newer one counts: rows restored from a backup have older ones for good.
          local counts = e[3] and holds(e[1], e[5]) and (now < tonumber(e[6]) or now - tonumber(e[1]) < fenced)
          if ok and version ~= '' and counts and newer(e[3], version) then ok = false end
          if ok then
            local x = text(now + (sliding > 0 and math.min(sliding, ttl) or ttl))
            redis.call('HDEL', key, 'v', 'p', 'm')
            redis.call('HSET', key, 's', ARGV[at], 'x', x, 'a', text(now + ttl), 'c', ARGV[at + 5], 'g', tags)
            content(KEYS[k + 1], ARGV[at], x, ARGV[at + 5], version, tags, ARGV[at + 3] == '1', ARGV[at + 4], ttl + stale)
            if version ~= '' then redis.call('HSET', key, 'v', version) end
            -- The entry outlives the fence time even if it expires sooner: its stamp refuses the late fill of an older load.
            keep(key, math.max(ttl + stale, fenced))
          end
          out[#out + 1] = ok and 1 or 0
        end
        return out
        """);
}

/// <summary>
/// Makes entries of one shard obsolete and tells the nodes. KEYS: control, tags, then entry and content of each (for kind <c>k</c>). ARGV:
/// channel, shard, kind, fence time in µs, for how long tags are remembered in µs, names: the keys (<c>k</c>), the tags (<c>t</c>), nothing
/// (<c>a</c>: the whole shard).
/// </summary>
internal static class InvalidateScript
{
    public static readonly RedisScript Script = new(CacheLua.Text, CacheLua.Publish, """
        local s, names = stamp(), {}
        for i = 6, #ARGV do names[#names + 1] = ARGV[i] end
        if ARGV[3] == 'a' then
          redis.call('HSET', KEYS[1], 'n', text(s))
        elseif ARGV[3] == 't' then
          for _, tag in ipairs(names) do redis.call('ZADD', KEYS[2], text(s), tag) end
          redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - tonumber(ARGV[5])))
          local ends = math.max(tonumber(control[3] or 0), now + tonumber(ARGV[5]))
          redis.call('HSET', KEYS[1], 'g', text(ends))
          -- A minute longer than 'g' says: gone any sooner they would be taken for lost, and everything be made obsolete.
          redis.call('PEXPIRE', KEYS[2], text(math.ceil((ends - now) / 1000) + 60000))
        else
          for k = 3, #KEYS, 2 do
            local marks = redis.pcall('HGET', KEYS[k], 'm')
            local left = type(marks) == 'string' and doubts(marks) or ''
            redis.call('DEL', KEYS[k], KEYS[k + 1])
            redis.call('HSET', KEYS[k], 'f', text(s))
            if left ~= '' then redis.call('HSET', KEYS[k], 'm', left) end
            keep(KEYS[k], tonumber(ARGV[4]))
          end
        end
        publish(ARGV[1], ARGV[2], ARGV[3], names)
        return text(s)
        """);
}

/// <summary>The scripts of the locks that loads hold. A lock's value names its load: <c>process token:stamp</c>.</summary>
internal static class LockScripts
{
    /// <summary>
    /// Makes leases last. KEYS: locks. ARGV: process token, lease in ms, then the stamp of each. Returns how many are still held.
    /// </summary>
    public static readonly RedisScript Renew = new("""
        local held = 0
        for k, lock in ipairs(KEYS) do
          if redis.call('GET', lock) == ARGV[1] .. ':' .. ARGV[k + 2] then held = held + redis.call('PEXPIRE', lock, ARGV[2]) end
        end
        return held
        """);

    /// <summary>
    /// Takes a lease, or makes it last. KEYS: lock. ARGV: token, lease in ms; 0 gives it back. Returns 1 where it is held.
    /// </summary>
    public static readonly RedisScript Lead = new("""
        local owner = redis.call('GET', KEYS[1])
        if owner and owner ~= ARGV[1] then return 0 end
        if ARGV[2] == '0' then
          redis.call('DEL', KEYS[1])
          return 0
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """);

    /// <summary>
    /// Frees the locks of loads that failed. KEYS: control, tags, then entry and lock of each. ARGV: process token, for how long (µs) what
    /// is there, fresh or stale, is given without another try, then the stamp of each. A load whose lock was taken from it leaves what is
    /// there alone.
    /// </summary>
    public static readonly RedisScript Release = new(CacheLua.Text, """
        for k = 3, #KEYS, 2 do
          if redis.call('GET', KEYS[k + 1]) == ARGV[1] .. ':' .. ARGV[3 + (k - 3) / 2] then
            redis.call('DEL', KEYS[k + 1])
            if tonumber(ARGV[2]) > 0 and redis.call('HEXISTS', KEYS[k], 's') == 1 then
              redis.call('HSET', KEYS[k], 'p', text(now + tonumber(ARGV[2])))
            end
          end
        end
        return 1
        """);
}

/// <summary>
/// Reads entries of one shard and takes the locks for those that have to be loaded. KEYS: control, tags, then entry, content and lock of
/// each. ARGV: process token, lease in ms, sliding time in µs (0: none), stale time in µs, then of each the mode (<c>g</c> get, <c>r</c>
/// refresh though it is fresh, <c>p</c> look without locking), with a refresh followed by the stamp of the entry that the reader knows.
/// Returns Redis time in µs, the stamp for loads (empty where nothing is to be loaded), then of each the content and one text: a letter of
/// the status and whether it is locked, and where there is an entry its expiry in µs, load time in ms, the stamp of its load, version, and
/// on the next line its tags.
/// </summary>
internal static class ReadEntriesScript
{
    public static readonly RedisScript Script = new(CacheLua.Text, """
        local sliding, stale = tonumber(ARGV[3]), tonumber(ARGV[4])
        local out, issued = { text(now), '' }, nil
        local function lock(key, e, f)
          issued = issued or stamp()
          local own = ARGV[1] .. ':' .. text(issued)
          if redis.call('SET', key, own, 'NX', 'PX', ARGV[2]) then return 1 end
          local held = redis.pcall('GET', key)
          local at = type(held) == 'string' and tonumber(string.match(held, ':(%d+)$') or '')
          if not at then return 0 end
          -- A lock names its load: the process, and the stamp. If its fill would be refused, because something that concerns it has
          -- happened since, it holds nobody up. (The tags are those of the entry that was there. The load may give it others; then two
          -- loads are under way, and the newer counts.)
          local past = at <= floor or (f and tonumber(f) >= at) or (e[1] and tonumber(e[1]) > at) or retagged(e[6], at)
          if past then redis.call('SET', key, own, 'PX', ARGV[2]) end
          return past and 1 or 0
        end
        for k = 3, #KEYS, 3 do
          -- One text for all but the content, of texts as they are stored: what a hit costs is what is read, made and sent for it.
          local e, held = redis.pcall('HMGET', KEYS[k], 's', 'x', 'a', 'v', 'c', 'g', 'm'), false
          local ask = ARGV[5 + (k - 3) / 3]
          local mode = string.sub(ask, 1, 1)
          local status, expiry, failed, invalidated = 'm', '0', nil, nil
          if e.err then
            status = 'u'
          elseif e[7] and doubts(e[7]) ~= '' then
            status = 'd'
          elseif holds(e[1], e[6]) then
            held = redis.pcall('GET', KEYS[k + 1])
            local x = tonumber(e[2])
            if type(held) == 'table' then
              status = 'u'
            elseif held and now < x then
              status, expiry = 'h', e[2]
              if sliding > 0 then
                -- Put off only by a tenth at least, so that a hot entry is not written at every read.
                local a = tonumber(e[3])
                if math.min(a, now + sliding) - x > sliding / 10 then
                  x = math.min(a, now + sliding)
                  expiry = text(x)
                  redis.call('HSET', KEYS[k], 'x', expiry)
                  keep(KEYS[k], x - now + stale)
                end
              end
            elseif held and now < x + stale then
              status = 's'
            end
          end
          if not e.err and (status ~= 'h' or mode == 'r') then
            local more = redis.call('HMGET', KEYS[k], 'p', 'f')
            failed, invalidated = tonumber(more[1] or 0) > now, more[2]
            if status == 's' and failed then status = 'p' end
          end
          local locked = 0
          local wanted = status == 'm' or status == 's'
          -- Refresh: the reader may have asked for it by an older copy; and a load that has just failed is not tried again by each reader.
          if mode == 'r' and status == 'h' then wanted = tonumber(e[1]) <= tonumber(string.sub(ask, 2)) and not failed end
          if wanted and mode ~= 'p' then
            locked = lock(KEYS[k + 2], e, invalidated)
          end
          if status ~= 'h' and status ~= 'p' then issued = issued or stamp() end
          if status == 'h' or status == 'p' or status == 's' then
            out[#out + 1] = held
            out[#out + 1] = status .. locked .. expiry .. ' ' .. (e[5] or '0') .. ' ' .. e[1] .. ' ' .. (e[4] or '')
              .. '\n' .. (e[6] or '')
          else
            out[#out + 1] = false
            out[#out + 1] = status .. locked
          end
        end
        if issued then out[2] = text(issued) end
        return out
        """);
}

/// <summary>
/// What contents that were read beforehand are judged by. KEYS: control, tags. Returns Redis time in µs and the namespace's stamp (nil
/// where it has to be made up first, which <see cref="ReadEntriesScript"/> does).
/// </summary>
internal static class FreshScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local control = redis.call('HMGET', KEYS[1], 'n', 'g')
        local lost = control[2] and tonumber(control[2]) > now and redis.call('EXISTS', KEYS[2]) == 0
        return { string.format('%.0f', now), not lost and control[1] or false }
        """);
}

/// <summary>The two ends of a write-through; between them the row is written.</summary>
internal static class WriteThroughScripts
{
    /// <summary>
    /// Marks an entry as in doubt: its content goes, and until the mark is taken away or expires nothing is stored in it. KEYS: control,
    /// tags, then entry and content under each schema version. ARGV: channel, shard, key, fence time in µs, token, how long the mark lasts
    /// in µs. Returns its stamp.
    /// </summary>
    public static readonly RedisScript Mark = new(CacheLua.Text, CacheLua.Publish, """
        local channel, shard, name, fenced, token, life = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
        local s = stamp()
        for k = 3, #KEYS, 2 do
          local e = redis.call('HMGET', KEYS[k], 'm', 'c')
          local left = doubts(e[1])
          redis.call('DEL', KEYS[k], KEYS[k + 1])
          redis.call('HSET', KEYS[k], 'f', text(s), 'm', left .. token .. ':' .. text(now + life) .. ';')
          -- The load time stays: what stores next did not load, and without it the entry would not be refreshed before it expires.
          if e[2] then redis.call('HSET', KEYS[k], 'c', e[2]) end
          keep(KEYS[k], math.max(fenced, life))
        end
        publish(channel, shard, 'k', { name })
        return text(s)
        """);

    /// <summary>
    /// Takes the mark away and stores the content if this write was alone; otherwise the entry is invalidated. KEYS as above. ARGV:
    /// channel, shard, key, fence time in µs, token, stamp of the mark, whether there is content, time to live in µs, stale time in µs,
    /// sliding time in µs, version, whether there is a payload, payload, tags. Returns 1 where it was stored.
    /// </summary>
    public static readonly RedisScript Complete = new(CacheLua.Text, CacheLua.Publish, """
        local channel, shard, name, fenced, token, marked = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
        local has_content, ttl, stale, sliding = ARGV[7] == '1', tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
        local version, has_payload, payload, tags = ARGV[11], ARGV[12] == '1', ARGV[13], ARGV[14]
        local s, stored = stamp(), 0
        for k = 3, #KEYS, 2 do
          local e = redis.call('HMGET', KEYS[k], 'f', 'm', 'c')
          local left = doubts(e[2], token)
          -- Alone: the mark never ended, and since it was set nobody else marked or invalidated the entry. Otherwise it is not known here
          -- whose row is the latest.
          local alone = e[1] == marked and left == '' and doubts(e[2]) ~= ''
            and tonumber(marked) > floor and not retagged(tags, tonumber(marked))
          redis.call('DEL', KEYS[k], KEYS[k + 1])
          redis.call('HSET', KEYS[k], 'f', text(s))
          if left ~= '' then redis.call('HSET', KEYS[k], 'm', left) end
          keep(KEYS[k], fenced)
          if k == 3 and alone and has_content then
            local x, took = text(now + (sliding > 0 and math.min(sliding, ttl) or ttl)), e[3] or '0'
            redis.call('HSET', KEYS[k], 's', text(s), 'x', x, 'a', text(now + ttl), 'c', took, 'g', tags, 'v', version)
            content(KEYS[k + 1], text(s), x, took, version, tags, has_payload, payload, ttl + stale)
            keep(KEYS[k], ttl + stale)
            stored = 1
          elseif left ~= '' and e[3] then
            redis.call('HSET', KEYS[k], 'c', e[3])
          end
        end
        publish(channel, shard, 'k', { name })
        return stored
        """);
}
