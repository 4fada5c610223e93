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
    private readonly RedisValue _defaultText;
    private int _isLooking;

    public RedisLimitStore(LimitOptions options, RedisConnections redis, TimeProvider time, ILogger logger)
    {
        (_options, _redis, _logger) = (options, redis, logger);
        _apart = new CallsApart(time);
        _defaultText = LimitScript.TextOf(options.Default);
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
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = batch[i].Key;
            arguments[next++] = batch[i].Permits;
            arguments[next++] = TextOf(batch[i].Limit);
        }

        var reply = await LimitScript.Script.RunAsync(_redis, keys, arguments, CancellationToken.None).ConfigureAwait(false);
        var now = reply.NextLong();
        var answers = new LimitAnswer[keys.Length];
        for (var i = 0; i < answers.Length; i++)
        {
            answers[i] = reply.NextInt() switch
            {
                LimitScript.Rejected => new(new(
                    IsAdmitted: false, reply.NextInt(), TimeSpan.FromMicroseconds(reply.NextLong()), now)),
                LimitScript.Unreadable => new(default, reply.NextText()),
                var left => new(new(IsAdmitted: true, left, TimeSpan.Zero, now)),
            };
        }

        return answers;
    }

    private RedisValue TextOf(WindowLimit limit) => limit == _options.Default ? _defaultText : LimitScript.TextOf(limit);

    [LoggerMessage(4, LogLevel.Error, "The rate limit '{Limit}' may let too many pass.")]
    private static partial void Torn(ILogger logger, Exception error, string limit);
}

/// <summary>
/// The keys of one rate limit: <c>wb:{api:07}:window:k:&lt;caller key&gt;</c>, a list. A caller key comes from outside and may be of
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
        return (shard, $"{_roots[shard]}:window:{text}");
    }
}

/// <summary>
/// Decides for callers, one after the other, in one step: trims what has left the window, looks, adds. KEYS: the list of each. ARGV:
/// whether rejected attempts count (0 or 1), then of each the permits and the limit. Returns Redis time in µs, then of each the permits
/// left; or <see cref="Rejected"/>, the permits left and the wait in µs; or <see cref="Unreadable"/> and why.
/// </summary>
internal static class LimitScript
{
    /// <summary>Arguments before those of the first request.</summary>
    public const int Header = 1;

    /// <summary>Arguments of each request.</summary>
    public const int PerRequest = 2;

    public const int Rejected = -1;
    public const int Unreadable = -2;

    public static readonly RedisScript Script = new("""
        -- A window is a list of permits in their order: each is Redis' time when it was taken; no client's clock matters. (A sorted set of
        -- the same takes ten times the memory, and twice as long.) Times are compared as texts, which have one length until the year 2286,
        -- and numbers go to commands as texts: Redis takes longer to read and to print a number than for a command.
        local call = redis.call
        local time = call('TIME')
        local now = time[1] * 1000000 + time[2]
        local function text(number)
          return string.format('%.0f', number)
        end
        local stamp, strict = text(now), ARGV[1] == '1'
        local limits = {}
        local function limit_of(text_of_it)
          local most, length = string.match(text_of_it, '^(%d+)/(%d+)$')
          local window = tonumber(length)
          local limit = {
            most = tonumber(most), window = window, ends = text(now - window),
            -- A second longer than the window, so that a server whose clock is a little ahead drops no permit that still counts.
            -- The end of a key is put off where half of that second is used up, and where an earlier release had it end sooner.
            lives = text(math.ceil(window / 1000) + 1000), enough = math.ceil(window / 1000) + 500,
          }
          limits[text_of_it] = limit
          return limit
        end
        local function push(key, count)
          for _ = 1, count do call('RPUSH', key, stamp) end
        end
        -- How many of so many have left the window, of which the oldest has: one in most cases, or half the list after a pause.
        local function gone(key, count, ends)
          if count == 1 or call('LINDEX', key, '1') > ends then return 1 end
          local low, high = 2, count
          while low < high do
            local middle = math.floor((low + high) / 2)
            if call('LINDEX', key, middle) <= ends then low = middle + 1 else high = middle end
          end
          return low
        end
        -- Redis' clock may be set back (a failover to a server whose clock is behind), so that permits lie in the future. They are moved
        -- to now: never sooner than they were taken, so the limit holds, and they leave no later than one window from now.
        local function bring_back(key, limit)
          local ahead = 0
          while (call('LINDEX', key, '-1') or '') > stamp do
            call('RPOP', key)
            ahead = ahead + 1
          end
          push(key, ahead)
          -- If all were ahead the key was gone in between, and its end with it.
          call('PEXPIRE', key, limit.lives)
        end
        local out = { stamp }
        local function decide(key, permits, limit)
          local newest = redis.pcall('LINDEX', key, '-1')
          local used = 0
          if newest then
            if newest.err then return newest.err end
            if newest > stamp then
              if #newest ~= #stamp or not tonumber(newest) then return 'it holds no times' end
              bring_back(key, limit)
            end
            used = call('LLEN', key)
            if call('LINDEX', key, '0') <= limit.ends then
              local left = gone(key, used, limit.ends)
              call('LTRIM', key, left, '-1')
              used = used - left
            end
          end
          local wanted = permits > 0 and permits or 1
          local admitted = used + wanted <= limit.most
          if permits > 0 and (admitted or strict) then
            push(key, permits)
            used = used + permits
            -- There are never more than the limit. If rejected attempts count, too, a decision can depend on no more than the newest: with
            -- that many in the window the caller is over its limit, whatever came before.
            if used > limit.most then
              call('LTRIM', key, -limit.most, '-1')
              used = limit.most
            end
            if call('PTTL', key) < limit.enough then call('PEXPIRE', key, limit.lives) end
          end
          local left = used < limit.most and limit.most - used or 0
          if admitted then
            out[#out + 1] = left
          else
            out[#out + 1] = -1
            out[#out + 1] = left
            out[#out + 1] = (tonumber(call('LINDEX', key, used + wanted - limit.most - 1)) or now) + limit.window - now
          end
        end
        for k = 1, #KEYS do
          local limit = ARGV[2 * k + 1]
          local problem = decide(KEYS[k], tonumber(ARGV[2 * k]), limits[limit] or limit_of(limit))
          if problem then
            out[#out + 1] = -2
            out[#out + 1] = problem
          end
        end
        return out
        """);

    /// <summary>A limit as the script reads it, once for all requests that have it.</summary>
    public static RedisValue TextOf(WindowLimit limit)
        => string.Create(CultureInfo.InvariantCulture, $"{limit.Permits}/{(long)limit.Window.TotalMicroseconds}");
}
