using WriteBehind.Buffer.Scripts;

namespace WriteBehind.Caching.Scripts;

/// <summary>
/// Puts what was loaded into entries of one shard, unless something newer is known, and frees the locks. KEYS: control, tags, then entry and
/// lock of each. ARGV: process token, fence time in µs, stale time in µs, sliding time in µs, then of each: stamp, version (empty: none),
/// time to live in µs, whether there is a payload, payload, load time in ms, tags. Returns 1 or 0 of each.
/// </summary>
internal static class FillEntriesScript
{
    public const int Header = 4;
    public const int PerEntry = 7;

    // A load that began longer ago than invalidations are remembered has nothing to be checked against.
    // An older version is refused only while the newer one counts: rows that were restored from a backup have older ones for good.
    // The entry outlives the fence time even if it expires sooner: its stamp refuses the late fill of an older load.
    public const string Text = CacheLua.Text + VersionLua.Text + """
        local fenced, stale, sliding = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
        local out = {}
        for k = 3, #KEYS, 2 do
          local key, at = KEYS[k], 5 + 7 * (k - 3) / 2
          local s, version, ttl, tags = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 6]
          if redis.call('GET', KEYS[k + 1]) == ARGV[1] .. ':' .. ARGV[at] then redis.call('DEL', KEYS[k + 1]) end
          local e = redis.pcall('HMGET', key, 's', 'f', 'v', 'm', 'g', 'x')
          local ok = not e.err and now - s < fenced and holds(ARGV[at], tags) and doubts(e[4]) == ''
            and not (e[1] and tonumber(e[1]) > s) and not (e[2] and tonumber(e[2]) >= s)
          local counts = e[3] and holds(e[1], e[5]) and (now < tonumber(e[6]) or now - tonumber(e[1]) < fenced)
          if ok and version ~= '' and counts and newer(e[3], version) then ok = false end
          if ok then
            redis.call('HDEL', key, 'd', 'v', 'p', 'm')
            redis.call('HSET', key, 's', ARGV[at], 'x', text(now + (sliding > 0 and math.min(sliding, ttl) or ttl)), 'a', text(now + ttl),
              'c', ARGV[at + 5], 'g', tags)
            if ARGV[at + 3] == '1' then redis.call('HSET', key, 'd', ARGV[at + 4]) end
            if version ~= '' then redis.call('HSET', key, 'v', version) end
            keep(key, math.max(ttl + stale, fenced))
          end
          out[#out + 1] = ok and 1 or 0
        end
        return out
        """;
}
