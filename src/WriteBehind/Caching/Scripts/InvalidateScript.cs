namespace WriteBehind.Caching.Scripts;

/// <summary>
/// Makes entries of one shard obsolete and tells the nodes. KEYS: control, tags, then entries (for kind <c>k</c>). ARGV: channel, shard, kind,
/// fence time in µs, for how long tags are remembered in µs, names: the keys (<c>k</c>), the tags (<c>t</c>), nothing (<c>a</c>: the whole shard).
/// </summary>
internal static class InvalidateScript
{
    // The tags outlast what 'g' says by a minute: gone any sooner they would be taken for lost, and everything be made obsolete.
    public const string Text = CacheLua.Text + CacheLua.Publish + """
        local s, names = stamp(), {}
        for i = 6, #ARGV do names[#names + 1] = ARGV[i] end
        if ARGV[3] == 'a' then
          redis.call('HSET', KEYS[1], 'n', text(s))
        elseif ARGV[3] == 't' then
          for _, tag in ipairs(names) do redis.call('ZADD', KEYS[2], text(s), tag) end
          redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - tonumber(ARGV[5])))
          local ends = math.max(tonumber(control[3] or 0), now + tonumber(ARGV[5]))
          redis.call('HSET', KEYS[1], 'g', text(ends))
          redis.call('PEXPIRE', KEYS[2], text(math.ceil((ends - now) / 1000) + 60000))
        else
          for k = 3, #KEYS do
            local marks = redis.pcall('HGET', KEYS[k], 'm')
            local left = type(marks) == 'string' and doubts(marks) or ''
            redis.call('DEL', KEYS[k])
            redis.call('HSET', KEYS[k], 'f', text(s))
            if left ~= '' then redis.call('HSET', KEYS[k], 'm', left) end
            keep(KEYS[k], tonumber(ARGV[4]))
          end
        end
        publish(ARGV[1], ARGV[2], ARGV[3], names)
        return text(s)
        """;
}
