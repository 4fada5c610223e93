namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Finds entities of one shard that are due, oldest first, leaving out those that a flusher holds. KEYS: dirty, claims.
/// ARGV: smallest age in ms, latest score or empty, entries to skip, entries wanted, entries to look at at most.
/// Returns how many entries were looked at, how many of them are held, then the ids.
/// </summary>
internal static class DueScript
{
    public const string Text = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local held = time[1] * 1000000 + time[2]
        local latest = now - tonumber(ARGV[1])
        if ARGV[2] ~= '' and tonumber(ARGV[2]) < latest then latest = tonumber(ARGV[2]) end
        latest = string.format('%.0f', latest)
        local offset, wanted, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
        local seen, taken, ids = 0, 0, {}
        local claims = redis.call('EXISTS', KEYS[2]) == 1
        while #ids < wanted and seen < most do
          local page = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest, 'LIMIT', offset + seen, wanted)
          for _, id in ipairs(page) do
            if #ids == wanted then break end
            seen = seen + 1
            local claim = claims and redis.call('ZSCORE', KEYS[2], id)
            if claim and tonumber(claim) > held then taken = taken + 1 else ids[#ids + 1] = id end
          end
          if #page < wanted then break end
        end
        local out = { seen, taken }
        for _, id in ipairs(ids) do out[#out + 1] = id end
        return out
        """;
}
