namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Does for a group what its settle transaction does, on a Redis that has reached maxmemory: there every command that a transaction
/// queues is refused, even those that free memory. KEYS: dirty, claims, then entity and fence of each. ARGV: the term whose claims are
/// taken back, or empty; then id, nonce, fence, fence time in ms and time to keep the state in ms (0: delete it) of each. Returns the
/// places, from 1, of those that moved on and so were left alone.
/// </summary>
internal static class SettleScript
{
    // The flags are known from Redis 7 on; an older one does not compile this.
    public const string Text = """
        #!lua flags=allow-oom
        local moved = {}
        for i = 1, (#KEYS - 2) / 2 do
          local state, fence, at = KEYS[2 * i + 1], KEYS[2 * i + 2], 5 * i - 3
          if redis.pcall('HGET', state, 'w') ~= ARGV[at + 1] then
            moved[#moved + 1] = i
          else
            if ARGV[at + 4] == '0' then
              redis.call('DEL', state)
            else
              redis.call('PEXPIRE', state, ARGV[at + 4])
            end
            redis.call('SET', fence, ARGV[at + 2], 'PX', ARGV[at + 3])
            redis.call('ZREM', KEYS[1], ARGV[at])
          end
        end
        if ARGV[1] ~= '' then redis.call('ZREMRANGEBYSCORE', KEYS[2], ARGV[1], ARGV[1]) end
        return moved
        """;
}
