namespace WriteBehind.Caching.Scripts;

/// <summary>The two ends of a write-through; between them the row is written.</summary>
internal static class WriteThroughScripts
{
    /// <summary>
    /// Marks an entry as in doubt: its content goes, and until the mark is taken away or expires nothing is stored in it. KEYS: control, tags,
    /// then the entry under each schema version. ARGV: channel, shard, key, fence time in µs, token, how long the mark lasts in µs. Returns its
    /// stamp. The load time stays: whoever stores next did not load, and without it the entry would not be refreshed before it expires.
    /// </summary>
    public const string Mark = CacheLua.Text + CacheLua.Publish + """
        local channel, shard, name, fenced, token, life = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
        local s = stamp()
        for k = 3, #KEYS do
          local e = redis.call('HMGET', KEYS[k], 'm', 'c')
          local left = doubts(e[1])
          redis.call('DEL', KEYS[k])
          redis.call('HSET', KEYS[k], 'f', text(s), 'm', left .. token .. ':' .. text(now + life) .. ';')
          if e[2] then redis.call('HSET', KEYS[k], 'c', e[2]) end
          keep(KEYS[k], math.max(fenced, life))
        end
        publish(channel, shard, 'k', { name })
        return text(s)
        """;

    /// <summary>
    /// Takes the mark away. The content is stored only where this write was alone: its mark never ended, and since it was set nobody else
    /// marked or invalidated the entry. Otherwise whose row is the latest is not known here, and the entry is invalidated. KEYS as above. ARGV:
    /// channel, shard, key, fence time in µs, token, stamp of the mark, whether there is content, time to live in µs, stale time in µs,
    /// sliding time in µs, version, whether there is a payload, payload, tags. Returns 1 where it was stored.
    /// </summary>
    public const string Complete = CacheLua.Text + CacheLua.Publish + """
        local channel, shard, name, fenced, token, marked = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
        local has_content, ttl, stale, sliding = ARGV[7] == '1', tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
        local version, has_payload, payload, tags = ARGV[11], ARGV[12] == '1', ARGV[13], ARGV[14]
        local s, stored = stamp(), 0
        for k = 3, #KEYS do
          local e = redis.call('HMGET', KEYS[k], 'f', 'm', 'c')
          local left = doubts(e[2], token)
          local alone = e[1] == marked and left == '' and doubts(e[2]) ~= ''
            and tonumber(marked) > floor and not retagged(tags, tonumber(marked))
          redis.call('DEL', KEYS[k])
          redis.call('HSET', KEYS[k], 'f', text(s))
          if left ~= '' then redis.call('HSET', KEYS[k], 'm', left) end
          keep(KEYS[k], fenced)
          if k == 3 and alone and has_content then
            redis.call('HSET', KEYS[k], 's', text(s), 'x', text(now + (sliding > 0 and math.min(sliding, ttl) or ttl)), 'a', text(now + ttl),
              'c', e[3] or '0', 'g', tags, 'v', version)
            if has_payload then redis.call('HSET', KEYS[k], 'd', payload) end
            keep(KEYS[k], ttl + stale)
            stored = 1
          elseif left ~= '' and e[3] then
            redis.call('HSET', KEYS[k], 'c', e[3])
          end
        end
        publish(channel, shard, 'k', { name })
        return stored
        """;
}
