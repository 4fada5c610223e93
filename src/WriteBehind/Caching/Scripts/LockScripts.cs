namespace WriteBehind.Caching.Scripts;

/// <summary>The scripts of the locks that loads hold. A lock's value names its load: <c>process token:stamp</c>.</summary>
internal static class LockScripts
{
    /// <summary>Makes leases last. KEYS: locks. ARGV: process token, lease in ms, then the stamp of each. Returns how many are still held.</summary>
    public const string Renew = """
        local held = 0
        for k, lock in ipairs(KEYS) do
          if redis.call('GET', lock) == ARGV[1] .. ':' .. ARGV[k + 2] then held = held + redis.call('PEXPIRE', lock, ARGV[2]) end
        end
        return held
        """;

    /// <summary>Takes a lease, or makes it last. KEYS: lock. ARGV: token, lease in ms; 0 gives it back. Returns 1 where it is held.</summary>
    public const string Lead = """
        local owner = redis.call('GET', KEYS[1])
        if owner and owner ~= ARGV[1] then return 0 end
        if ARGV[2] == '0' then
          redis.call('DEL', KEYS[1])
          return 0
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """;

    /// <summary>
    /// Frees the locks of loads that failed. KEYS: control, tags, then entry and lock of each. ARGV: process token, for how long (µs) what is
    /// there, fresh or stale, is given without another try, then the stamp of each. A load whose lock was taken from it leaves what is there alone.
    /// </summary>
    public const string Release = CacheLua.Text + """
        for k = 3, #KEYS, 2 do
          if redis.call('GET', KEYS[k + 1]) == ARGV[1] .. ':' .. ARGV[3 + (k - 3) / 2] then
            redis.call('DEL', KEYS[k + 1])
            if tonumber(ARGV[2]) > 0 and redis.call('HEXISTS', KEYS[k], 's') == 1 then redis.call('HSET', KEYS[k], 'p', text(now + tonumber(ARGV[2]))) end
          end
        end
        return 1
        """;
}
