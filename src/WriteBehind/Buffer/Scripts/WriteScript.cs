namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Writes a batch of entities of one shard: version check, payload, dirty mark and bound in one atomic step (design: promise 1).
/// KEYS: dirty, dead, epoch, then entity and fence of each. ARGV: candidate epoch, limit, fence time in ms, the epoch that the writers know,
/// then six of each. Returns Redis time in ms, the epoch, then of each that was not written: its place from 0, status, with a conflict the
/// version found (otherwise its base), and with an error its text. Those that are not named were written, as the version they came with.
/// </summary>
internal static class WriteScript
{
    /// <summary>Arguments before the first entity's.</summary>
    public const int Header = 4;

    /// <summary>
    /// Arguments of each entity: id, base version, version to store, known at (0 where that is of another epoch than the writers'), nonce,
    /// payload (empty for a tombstone).
    /// </summary>
    public const int PerEntity = 6;

    // A nonce that is already there is this very write, sent again because its answer got lost: acknowledged, not repeated.
    // (It writes something all the same, so that a WAIT on a new connection has something to wait for.)
    // "Unconfirmed" must not be simplified away: without buffered state or fence there is nothing to check a stale writer against,
    // so its knowledge must be younger than any fence could have expired, in Redis' own time, and of this epoch. Nor is an equal
    // version enough where there is one: after Redis came back empty, or a delete whose fence is over, it may be another write's.
    // The mark comes before the state: should Redis refuse a command half-way (a permission, a key of another kind), the nonce must not
    // be there without the mark, or the write sent again would be acknowledged and never flushed.
    // Known at 0 must be too old whatever the fence time: it stands for another epoch.
    // Times go through %.0f, as Lua prints large numbers with an exponent.
    public const string Text = VersionLua.Text + """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local epoch = redis.call('GET', KEYS[3])
        if not epoch then
          epoch = ARGV[1]
          redis.call('SET', KEYS[3], epoch)
        end
        local limit, oldest = tonumber(ARGV[2]), math.max(0, now - tonumber(ARGV[3]))
        if ARGV[4] ~= epoch then oldest = math.huge end
        local out = { string.format('%.0f', now), epoch }
        local arg = 4
        for k = 4, #KEYS, 2 do
          local id, base, new, knownAt = ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], tonumber(ARGV[arg + 4])
          local nonce, payload = ARGV[arg + 5], ARGV[arg + 6]
          arg = arg + 6
          local status, version, detail = 'ok', base, ''
          local stored = entity(KEYS[k], base, 'w', 'x')
          local current, by, buffered = nil, nil, false
          if stored.err then
            status, detail = 'error', stored.err
          elseif stored[1] then
            current, by, buffered = stored[1], stored[2], true
          else
            local failure
            current, by, failure = fence(KEYS[k + 1])
            if failure then status, detail = 'error', failure end
          end
          if status == 'ok' then
            if by == nonce then
              status = 'repeated'
              redis.call('SET', KEYS[3], epoch)
            else
              if current and not buffered and newer(base, current) then current = nil end
              if knownAt <= oldest then
                status = 'unconfirmed'
              elseif current and base ~= current then
                status, version = 'conflict', current
              end
            end
          end
          if status == 'ok' then
            local dirty = redis.call('ZSCORE', KEYS[1], id)
            if not dirty and redis.call('ZCARD', KEYS[1]) + redis.call('HLEN', KEYS[2]) >= limit
                and redis.call('HEXISTS', KEYS[2], id) == 0 then
              status = 'full'
            else
              if not dirty then
                redis.call('ZADD', KEYS[1], now, id)
                redis.call('HDEL', KEYS[2], id)
                if buffered then redis.call('PERSIST', KEYS[k]) end
              end
              if payload == '' then
                if buffered then redis.call('HDEL', KEYS[k], 'd') end
                redis.call('HSET', KEYS[k], 'v', new, 'w', nonce, 'x', '1')
              else
                if buffered and stored[3] then redis.call('HDEL', KEYS[k], 'x') end
                redis.call('HSET', KEYS[k], 'v', new, 'w', nonce, 'd', payload)
              end
            end
          end
          if status ~= 'ok' and status ~= 'repeated' then
            local last = #out
            out[last + 1], out[last + 2], out[last + 3], out[last + 4] = (k - 4) / 2, status, version, detail
          end
        end
        return out
        """;
}
