namespace WriteBehind.RateLimits;

/// <summary>
/// Decides for callers of one shard, one after the other, in one step: trims what has left the window, looks, adds. KEYS: the sorted set of
/// each. ARGV: whether rejected attempts count (0 or 1), then nonce, permits, limit and window in µs of each. Returns Redis time in µs,
/// then 1, 0 or an error, the permits left, and the wait in µs of each.
/// </summary>
/// <remarks>
/// <para>A member is a permit, scored by Redis' time when it was taken; no client's clock matters. The nonce makes members unique even
/// where two calls fall into one microsecond or the clock was set back to a time it had shown before.</para>
/// <para>A set never holds more than <c>limit</c> members. Where rejected attempts count, too, the newest <c>limit</c> attempts are all that a
/// decision can depend on: if there are that many in the window the caller is over its limit, whatever came before them.</para>
/// <para>Where Redis' clock was set back (a failover to a server whose clock is behind), members lie in the future. They are moved to now:
/// never sooner than they were taken, so the limit holds, and they leave the window no later than one window from now. A set outlives
/// its window by a second, so that a server whose clock is a little ahead does not drop permits that are still in it.</para>
/// </remarks>
internal static class LimitScript
{
    /// <summary>Arguments before those of the first request.</summary>
    public const int Header = 1;

    /// <summary>Arguments of each request.</summary>
    public const int PerRequest = 4;

    public const string Text = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local function text(number) return string.format('%.0f', number) end
        local stamp = text(now)
        local strict = ARGV[1] == '1'
        local out = { stamp }
        for k = 1, #KEYS do
          local key, at = KEYS[k], 4 * k - 2
          local nonce, permits, limit, window = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
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
              if used > limit then
                redis.call('ZREMRANGEBYRANK', key, 0, used - limit - 1)
                used = limit
              end
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
        """;
}
