using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.RateLimits;

/// <summary>The rate limits' Redis.</summary>
internal sealed class RedisLimitServers(RedisConnections redis, TimeProvider time) : ILimitServers
{
    public TimeProvider Time => time;

    public bool IsRemote => true;

    public ILimitStore Connect(LimitOptions options, ILogger logger) => new RedisLimitStore(options, redis, time, logger);
}

/// <summary>
/// The windows of one rate limit in Redis. Questions that arrive while a round trip is under way share the next one: those of all shards
/// where one server was proved to hold them, otherwise those of each.
/// </summary>
internal sealed partial class RedisLimitStore : ILimitStore
{
    private const int MostRequests = 256;

    /// <summary>
    /// The most permits that one script call adds, unless its first request alone wants more: Redis does nothing else meanwhile.
    /// </summary>
    private const int MostPermits = 4096;

    /// <summary>So that Redis has the next call at hand when it has answered one.</summary>
    private const int CallsOverShards = 2;

    private readonly LimitOptions _options;
    private readonly RedisConnections _redis;
    private readonly ILogger _logger;
    private readonly GroupBatcher<LimitRequest, LimitAnswer>[] _batchers;
    private readonly GroupBatcher<LimitRequest, LimitAnswer> _overShards;
    private readonly CallsApart _apart;
    private int _isLooking;

    public RedisLimitStore(LimitOptions options, RedisConnections redis, TimeProvider time, ILogger logger)
    {
        (_options, _redis, _logger) = (options, redis, logger);
        _apart = new CallsApart(time);
        _batchers = new GroupBatcher<LimitRequest, LimitAnswer>[options.Shards];
        for (var i = 0; i < _batchers.Length; i++)
        {
            _batchers[i] = new(DecideBatchAsync, MostRequests, static request => request.Permits, MostPermits);
        }

        _overShards = new(DecideBatchAsync, MostRequests, static request => request.Permits, MostPermits, CallsOverShards);
    }

    public async Task<LimitAnswer> DecideAsync(int shard, LimitRequest request)
    {
        var batcher = BatcherOf(shard);
        try
        {
            return await batcher.SendAsync(request).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (batcher == _overShards && RedisErrors.IsOfKeys(e))
        {
            // Refused before anything was counted: by a proxy in front of several servers, or for a key of another shard.
            _apart.Begin();
            return await _batchers[shard].SendAsync(request).ConfigureAwait(false);
        }
    }

    private GroupBatcher<LimitRequest, LimitAnswer> BatcherOf(int shard)
    {
        if (_batchers.Length == 1 || _apart.Until is not null)
        {
            return _batchers[shard];
        }

        if (_redis.IsOneServer)
        {
            return _overShards;
        }

        if (!_redis.IsOneServerKnown && Interlocked.Exchange(ref _isLooking, 1) == 0)
        {
            Detached.Start(static store => store.FindOneServerAsync(), this);
        }

        return _batchers[shard];
    }

    /// <summary>Beside the decisions, which are right in calls of their shards, too.</summary>
    private async Task FindOneServerAsync()
    {
        try
        {
            await _redis.FindOneServerAsync(isNeeded: false, CancellationToken.None).ConfigureAwait(false);
            if (!_redis.IsOneServerKnown)
            {
                // At maxmemory nothing can be tried, and not every decision is to try again.
                _apart.Begin();
            }
        }
        catch (BufferUnavailableException)
        {
            // Decisions will tell.
        }
        catch (ConfigurationException e)
        {
            _apart.Begin();
            Torn(_logger, e, _options.Name);
        }
        finally
        {
            Volatile.Write(ref _isLooking, 0);
        }
    }

    private async Task<IReadOnlyList<LimitAnswer>> DecideBatchAsync(IReadOnlyList<LimitRequest> batch)
    {
        var keys = new RedisKey[batch.Count];
        var arguments = new RedisValue[LimitScript.Header + (LimitScript.PerRequest * batch.Count)];
        var next = 0;
        arguments[next++] = _options.CountRejected ? 1 : 0;
        arguments[next++] = RandomToken.Next();
        for (var i = 0; i < batch.Count; i++)
        {
            keys[i] = batch[i].Key;
            arguments[next++] = batch[i].Permits;
            arguments[next++] = batch[i].Limit.Permits;
            arguments[next++] = (long)batch[i].Limit.Window.TotalMicroseconds;
        }

        var reply = await LimitScript.Script.RunAsync(_redis, keys, arguments, CancellationToken.None).ConfigureAwait(false);
        var now = reply.NextLong();
        var answers = new LimitAnswer[batch.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            var (outcome, left, wait) = (reply.NextText(), reply.NextInt(), reply.NextLong());
            answers[i] = outcome switch
            {
                "1" => new(new(IsAdmitted: true, left, TimeSpan.Zero, now)),
                "0" => new(new(IsAdmitted: false, left, TimeSpan.FromMicroseconds(wait), now)),
                var error => new(default, error),
            };
        }

        return answers;
    }

    [LoggerMessage(4, LogLevel.Error, "The rate limit '{Limit}' may let too many pass.")]
    private static partial void Torn(ILogger logger, Exception error, string limit);
}

/// <summary>
/// The keys of one rate limit: <c>wb:{api:07}:limit:k:&lt;caller key&gt;</c>, a sorted set. A caller key comes from outside and may be of
/// any length; a long one is replaced by its hash, so that nobody fills Redis with it.
/// </summary>
internal sealed class LimitKeys(string prefix, string name, int shards)
{
    private const int LongestKey = 128;

    private readonly string[] _roots = [.. Enumerable.Range(0, shards)
        .Select(shard => string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{{name}:{shard:00}}}"))];

    /// <summary>What the keys of each shard begin with.</summary>
    public IReadOnlyList<string> Roots => _roots;

    public (int Shard, RedisKey Key) Of(string callerKey)
    {
        var text = Encoding.UTF8.GetByteCount(callerKey) <= LongestKey
            ? "k:" + callerKey
            : "h:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(callerKey)));
        var shard = ShardHash.ShardOf(text, shards);
        return (shard, $"{_roots[shard]}:limit:{text}");
    }
}

/// <summary>
/// Decides for callers, one after the other, in one step: trims what has left the window, looks, adds. KEYS: the sorted set of each. ARGV:
/// whether rejected attempts count (0 or 1), a nonce, then permits, limit and window in µs of each. Returns Redis time in µs, then 1, 0 or
/// an error, the permits left, and the wait in µs of each.
/// </summary>
internal static class LimitScript
{
    /// <summary>Arguments before those of the first request.</summary>
    public const int Header = 2;

    /// <summary>Arguments of each request.</summary>
    public const int PerRequest = 3;

    public static readonly RedisScript Script = new("""
        -- A member is a permit, scored by Redis' time when it was taken; no client's clock matters. The nonce makes members unique even
        -- when two calls fall into one microsecond, or the clock was set back to a time it had shown before.
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local stamp = string.format('%.0f', now)
        local later, strict, nonce = '(' .. stamp, ARGV[1] == '1', ARGV[2]
        -- Of each window: what has left it, and for how long a key lasts. Printing numbers takes longer than commands do.
        local ends, lives = {}, {}
        local out = { stamp }
        for k = 1, #KEYS do
          local key, at = KEYS[k], 3 * k
          local permits, limit, length = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
          local window = tonumber(length)
          if not ends[length] then
            ends[length] = string.format('%.0f', now - window)
            -- A second longer than the window, so that a server whose clock is a little ahead drops no permit that still counts.
            lives[length] = string.format('%.0f', math.ceil(window / 1000) + 1000)
          end
          -- Redis' clock may be set back (a failover to a server whose clock is behind), so that members lie in the future. They are
          -- moved to now: never sooner than they were taken, so the limit holds, and they leave no later than one window from now.
          local ahead = redis.pcall('ZRANGEBYSCORE', key, later, '+inf')
          if ahead.err then
            out[#out + 1] = ahead.err
            out[#out + 1] = 0
            out[#out + 1] = 0
          else
            for _, member in ipairs(ahead) do redis.call('ZADD', key, 'XX', stamp, member) end
            redis.call('ZREMRANGEBYSCORE', key, '-inf', ends[length])
            local used = redis.call('ZCARD', key)
            local admitted = used + math.max(permits, 1) <= limit
            if permits > 0 and (admitted or strict) then
              for i = 1, permits do redis.call('ZADD', key, stamp, nonce .. ':' .. k .. ':' .. i) end
              used = used + permits
              -- There are never more than "limit" members. If rejected attempts count, too, a decision can depend on no more than the
              -- newest "limit" of them: with that many in the window the caller is over its limit, whatever came before.
              if used > limit then
                redis.call('ZREMRANGEBYRANK', key, 0, used - limit - 1)
                used = limit
              end
              redis.call('PEXPIRE', key, lives[length])
            end
            local wait = 0
            if not admitted then
              local last = used + math.max(permits, 1) - limit - 1
              wait = redis.call('ZRANGE', key, last, last, 'WITHSCORES')[2] + window - now
            end
            out[#out + 1] = admitted and '1' or '0'
            out[#out + 1] = math.max(limit - used, 0)
            out[#out + 1] = wait
          end
        end
        return out
        """);
}
