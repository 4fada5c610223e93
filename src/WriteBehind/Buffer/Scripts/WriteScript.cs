namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Writes a batch of entities: version check, payload, dirty mark and bound in one atomic step (design: promise 1). Where one server holds
/// all shards a call may have sections of several, otherwise it has one. KEYS: the epoch of each section, then of each dirty, dead, and entity and
/// fence of each entity. ARGV: how many sections, candidate epoch, limit of a shard, fence time in ms; then of each section the epoch that the writers know,
/// how many entities, their ids, and five of each. Returns Redis time in ms, the epochs, then of each that was not written: its place
/// from 0, status, with a conflict the version found (otherwise its base), and with an error its text. Those that are not named were
/// written, as the version they came with.
/// </summary>
internal static class WriteScript
{
    /// <summary>Arguments before the first section's.</summary>
    public const int Header = 4;

    /// <summary>Arguments of each section before its ids.</summary>
    public const int PerSection = 2;

    /// <summary>
    /// Arguments of each entity: its id among the others of the section; then base version, version to store, known at (0 where that
    /// is of another epoch than the writers'), nonce, payload (empty for a tombstone).
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
    // MGET passes over an epoch key of another kind, so GET asks once more, and fails, before anything is put there.
    // What is dirty is asked for at once: a command for each entity takes more of Redis' time (docs/performance.md).
    // Times go through %.0f, as Lua prints large numbers with an exponent.
    public const string Text = VersionLua.Text + """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local sections, limit, stale = tonumber(ARGV[1]), tonumber(ARGV[3]), math.max(0, now - tonumber(ARGV[4]))
        local epochs = redis.call('MGET', unpack(KEYS, 1, sections))
        local out, refused = { string.format('%.0f', now) }, {}
        local key, arg, place = sections, 4, 0
        for section = 1, sections do
          local dirty, dead, epoch = KEYS[key + 1], KEYS[key + 2], epochs[section] or redis.call('GET', KEYS[section])
          local count, ids = tonumber(ARGV[arg + 2]), arg + 2
          if not epoch then
            epoch = ARGV[2]
            redis.call('SET', KEYS[section], epoch)
          end
          out[section + 1] = epoch
          local oldest = ARGV[arg + 1] == epoch and stale or math.huge
          local marks = redis.call('ZMSCORE', dirty, unpack(ARGV, ids + 1, ids + count))
          key, arg = key + 2, ids + count
          for i = 1, count do
            local state, id = KEYS[key + 1], ARGV[ids + i]
            local base, new, knownAt = ARGV[arg + 1], ARGV[arg + 2], tonumber(ARGV[arg + 3])
            local nonce, payload = ARGV[arg + 4], ARGV[arg + 5]
            local status, version, detail = 'ok', base, ''
            local stored = entity(state, base, 'w', 'x')
            local current, by, buffered = nil, nil, false
            if stored.err then
              status, detail = 'error', stored.err
            elseif stored[1] then
              current, by, buffered = stored[1], stored[2], true
            else
              local failure
              current, by, failure = fence(KEYS[key + 2])
              if failure then status, detail = 'error', failure end
            end
            if status == 'ok' then
              if by == nonce then
                status = 'repeated'
                redis.call('SET', KEYS[section], epoch)
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
              if not marks[i] and redis.call('ZCARD', dirty) + redis.call('HLEN', dead) >= limit
                  and redis.call('HEXISTS', dead, id) == 0 then
                status = 'full'
              else
                if not marks[i] then
                  redis.call('ZADD', dirty, now, id)
                  redis.call('HDEL', dead, id)
                  if buffered then redis.call('PERSIST', state) end
                end
                if payload == '' then
                  if buffered then redis.call('HDEL', state, 'd') end
                  redis.call('HSET', state, 'v', new, 'w', nonce, 'x', '1')
                else
                  if buffered and stored[3] then redis.call('HDEL', state, 'x') end
                  redis.call('HSET', state, 'v', new, 'w', nonce, 'd', payload)
                end
              end
            end
            if status ~= 'ok' and status ~= 'repeated' then
              local last = #refused
              refused[last + 1], refused[last + 2], refused[last + 3], refused[last + 4] = place, status, version, detail
            end
            key, arg, place = key + 2, arg + 5, place + 1
          end
        end
        for i = 1, #refused do out[#out + 1] = refused[i] end
        return out
        """;
}
