namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Reads a batch of entities of one shard. KEYS: epoch, then entity and fence of each. ARGV: candidate epoch.
/// Returns Redis time in ms, the epoch, then version, payload, tombstone mark, fenced version (nil where there is none)
/// and time to live in ms of each; a clean entry has one, a dirty one never.
/// </summary>
internal static class ReadScript
{
    // The time is taken before the caller asks the database, so what it learns there is at least as young as the stamp says.
    public const string Text = VersionLua.Text + """
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
        """;
}
