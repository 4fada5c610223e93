using WriteBehind.Redis;

namespace WriteBehind.RateLimits;

/// <summary>
/// Decides for callers of one shard, one after the other, in one step: trims what has left the window, looks, adds. KEYS: the sorted set of
/// each. ARGV: whether rejected attempts count (0 or 1), then nonce, permits, limit and window in µs of each. Returns Redis time in µs,
/// then 1, 0 or an error, the permits left, and the wait in µs of each.
/// </summary>
internal static class LimitScript
{
    /// <summary>Arguments before those of the first request.</summary>
    public const int Header = 1;

    /// <summary>Arguments of each request.</summary>
    public const int PerRequest = 4;

    public static readonly RedisScript Script = new("""
        -- A member is a permit, scored by Redis' time when it was taken; no client's clock matters. The nonce makes members unique even
        -- when two calls fall into one microsecond, or the clock was set back to a time it had shown before.
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local function text(number) return string.format('%.0f', number) end
        local stamp = text(now)
        local strict = ARGV[1] == '1'
        local out = { stamp }
        for k = 1, #KEYS do
          local key, at = KEYS[k], 4 * k - 2
          local nonce, permits, limit, window = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
          -- Redis' clock may be set back (a failover to a server whose clock is behind), so that members lie in the future. They are
          -- moved to now: never sooner than they were taken, so the limit holds, and they leave no later than one window from now.
          local ahead = redis.pcall('ZRANGEBYSCORE', key, '(' .. stamp, '+inf')
          if ahead.err then
            out[#out + 1] = ahead.err
            out[#out + 1] = '0'
            out[#out + 1] = '0'
          else
            for _, member in ipairs(ahead) do redis.call('ZADD', key, 'XX', stamp, member) end
            redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
            local used = redis.call('ZCARD', key)
            local admitted = used + math.max(permits, 1) <= limit
            if permits > 0 and (admitted or strict) then
              for i = 1, permits do redis.call('ZADD', key, stamp, nonce .. ':' .. i) end
              used = used + permits
              -- There are never more than "limit" members. If rejected attempts count, too, a decision can depend on no more than the
              -- newest "limit" of them: with that many in the window the caller is over its limit, whatever came before.
              if used > limit then
                redis.call('ZREMRANGEBYRANK', key, 0, used - limit - 1)
                used = limit
              end
              -- A second longer than the window, so that a server whose clock is a little ahead drops no permit that still counts.
              redis.call('PEXPIRE', key, text(math.ceil(window / 1000) + 1000))
            end
            local wait = 0
            if not admitted then
              local last = used + math.max(permits, 1) - limit - 1
              wait = redis.call('ZRANGE', key, last, last, 'WITHSCORES')[2] + window - now
            end
            out[#out + 1] = admitted and '1' or '0'
            out[#out + 1] = text(math.max(limit - used, 0))
            out[#out + 1] = text(wait)
          end
        end
        return out
        """);
}
