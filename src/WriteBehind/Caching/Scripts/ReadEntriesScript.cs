namespace WriteBehind.Caching.Scripts;

/// <summary>
/// Reads entries of one shard and takes the locks for those that have to be loaded. KEYS: control, tags, then entry and lock of each.
/// ARGV: process token, lease in ms, sliding time in µs (0: none), stale time in µs, then of each the mode (<c>g</c> get, <c>r</c> refresh though
/// it is fresh, <c>p</c> look without locking) and the stamp of the entry that the reader knows. Returns the stamp for loads (empty where nothing is to
/// be loaded), then of each: status, whether it is locked, payload, version, µs left, load time in ms, tags, the stamp of its load.
/// </summary>
internal static class ReadEntriesScript
{
    // Sliding: put off only by a tenth at least, so that a hot entry is not written at every read.
    // A lock names its load: the process, and the stamp. One whose fill would be refused, because something that concerns it has happened since, holds
    // nobody up. (Tags: those of the entry that was there; the load may give it others, and then two loads are under way, of which the newer counts.)
    // Refresh: who drew it may have done so by an older copy; and a load that has just failed is not tried again by each of its readers.
    public const string Text = CacheLua.Text + """
        local sliding, stale = tonumber(ARGV[3]), tonumber(ARGV[4])
        local out, issued = { '' }, nil
        local function lock(key, e)
          issued = issued or stamp()
          local own = ARGV[1] .. ':' .. text(issued)
          if redis.call('SET', key, own, 'NX', 'PX', ARGV[2]) then return 1 end
          local held = redis.pcall('GET', key)
          local at = type(held) == 'string' and tonumber(string.match(held, ':(%d+)$') or '')
          if not at then return 0 end
          local past = at <= floor or (e[10] and tonumber(e[10]) >= at) or (e[1] and tonumber(e[1]) > at) or retagged(e[7], at)
          if past then redis.call('SET', key, own, 'PX', ARGV[2]) end
          return past and 1 or 0
        end
        for k = 3, #KEYS, 2 do
          local e = redis.pcall('HMGET', KEYS[k], 's', 'x', 'a', 'd', 'v', 'c', 'g', 'p', 'm', 'f')
          local mode, known = ARGV[k + 2], tonumber(ARGV[k + 3])
          local status, left = 'miss', 0
          if e.err then
            status = 'foreign'
          elseif doubts(e[9]) ~= '' then
            status = 'doubt'
          elseif holds(e[1], e[7]) then
            local x, a = tonumber(e[2]), tonumber(e[3])
            if now < x then
              status = 'hit'
              if sliding > 0 and math.min(a, now + sliding) - x > sliding / 10 then
                x = math.min(a, now + sliding)
                redis.call('HSET', KEYS[k], 'x', text(x))
                keep(KEYS[k], x - now + stale)
              end
              left = x - now
            elseif now < x + stale then
              status = tonumber(e[8] or 0) > now and 'paused' or 'stale'
            end
          end
          local locked = 0
          local wanted = status == 'miss' or status == 'stale'
          if mode == 'r' and status == 'hit' then wanted = tonumber(e[1]) <= known and tonumber(e[8] or 0) <= now end
          if wanted and mode ~= 'p' then
            locked = lock(KEYS[k + 1], e)
          end
          if status ~= 'hit' and status ~= 'paused' then issued = issued or stamp() end
          local here = status == 'hit' or status == 'paused' or status == 'stale'
          out[#out + 1] = status
          out[#out + 1] = locked
          out[#out + 1] = here and e[4]
          out[#out + 1] = here and e[5]
          out[#out + 1] = text(left)
          out[#out + 1] = here and e[6] or '0'
          out[#out + 1] = here and e[7] or ''
          out[#out + 1] = here and e[1] or '0'
        end
        if issued then out[1] = text(issued) end
        return out
        """;
}
