namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Claims entities of one shard for a flusher and reads their states. KEYS: claims, dirty, dead, then the entity of each.
/// ARGV: lease in µs, bytes of payload to read at most, then the ids. Returns the term (end of lease, µs), Redis time in ms, then status, version, payload,
/// tombstone mark and nonce of each.
/// </summary>
internal static class ClaimScript
{
    // The term is made unique in the shard, because it is also the claim's name: a settle takes back exactly the claims with its
    // own term, never those of a flusher that came after it. Claims that have run out are cleared away in passing; where none is left,
    // which is the rule, there is none to look for. The marks are asked for, and all claims taken, with one command (in parts, as Lua's
    // stack ends at 8,000 values).
    // What goes beyond the bytes is left for later: states may be large, and the reply to a whole batch of them is held in memory by Redis
    // and by the flusher, and holds up all others behind it. The first is always taken, or it never would be.
    public const string Text = VersionLua.Text + """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
        local term = now + tonumber(ARGV[1])
        local top = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
        if top[2] and tonumber(top[2]) >= term then term = tonumber(top[2]) + 1 end
        local name = string.format('%.0f', term)
        local out = { name, string.format('%.0f', math.floor(now / 1000)) }
        local dirty = {}
        for first = 3, #ARGV, 1000 do
          local marks = redis.call('ZMSCORE', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
          for i = 1, #marks do dirty[first + i] = marks[i] end
        end
        local taken = {}
        local room = tonumber(ARGV[2])
        for k = 4, #KEYS do
          local id = ARGV[k - 1]
          local status, stored = 'claimed', {}
          if top[1] and redis.call('ZSCORE', KEYS[1], id) then
            status = 'held'
          elseif not dirty[k] then
            status = redis.call('HEXISTS', KEYS[3], id) == 1 and 'dead' or 'clean'
          elseif room <= 0 then
            status = 'later'
          else
            stored = entity(KEYS[k], nil, 'd', 'x', 'w')
            if stored.err then
              status, stored = 'error', { '0', stored.err }
            elseif not stored[1] then
              status = 'lost'
              redis.call('ZREM', KEYS[2], id)
            else
              local size = stored[2] and #stored[2] or 0
              if size > room and #taken > 0 then
                status, stored, room = 'later', {}, 0
              else
                taken[#taken + 1] = name
                taken[#taken + 1] = id
                room = room - size
              end
            end
          end
          out[#out + 1] = status
          for field = 1, 4 do out[#out + 1] = stored[field] or false end
        end
        for first = 1, #taken, 1000 do
          redis.call('ZADD', KEYS[1], unpack(taken, first, math.min(first + 999, #taken)))
        end
        return out
        """;
}
