using System.Diagnostics.Metrics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.RateLimits;

/// <summary>What Redis answered to one request.</summary>
/// <param name="Decision">The decision, where there is one.</param>
/// <param name="Error">Why there is none; null where there is one.</param>
internal readonly record struct LimitAnswer(LimitDecision Decision, string? Error = null);

/// <summary>
/// Decides for all callers of one rate limit in this process. Questions that arrive while a round trip is under way share the next one:
/// those of all shards where one server was proved to hold them, otherwise those of each. Where Redis does not answer in time, the answer
/// is what <see cref="LimitOptions.WhenAway"/> says, and Redis is not asked about that shard for a while: a limiter must not add its own
/// time-out to every call of a service. Per shard, as they may be on different servers.
/// </summary>
internal sealed partial class LimitDecider
{
    private const int MostRequests = 256;

    /// <summary>
    /// The most permits that one script call adds, unless its first request alone wants more: Redis does nothing else meanwhile.
    /// </summary>
    private const int MostPermits = 4096;

    /// <summary>So that Redis has the next call at hand when it has answered one.</summary>
    private const int CallsOverShards = 2;

    private readonly LimitOptions _options;
    private readonly LimitKeys _keys;
    private readonly RedisConnections _redis;
    private readonly LimitMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly GroupBatcher<LimitRequest, LimitAnswer>[] _batchers;
    private readonly GroupBatcher<LimitRequest, LimitAnswer> _overShards;
    private readonly ShardAbsence _absence;
    private readonly int[] _isAway;
    private readonly CallsApart _apart;
    private int _isLooking;
    private int _isLogged;

    public LimitDecider(
        LimitOptions options, string prefix, RedisConnections redis, LimitMetrics metrics, TimeProvider time, ILogger logger)
    {
        (_options, _redis, _metrics, _time, _logger) = (options, redis, metrics, time, logger);
        _keys = new LimitKeys(prefix, options.Name, options.Shards);
        _absence = new ShardAbsence(options.Shards, options.AwayPause, static () => { }, time);
        _apart = new CallsApart(time);
        _isAway = new int[options.Shards];
        _batchers = new GroupBatcher<LimitRequest, LimitAnswer>[options.Shards];
        for (var i = 0; i < _batchers.Length; i++)
        {
            _batchers[i] = new(DecideBatchAsync, MostRequests, static request => request.Permits, MostPermits);
        }

        _overShards = new(DecideBatchAsync, MostRequests, static request => request.Permits, MostPermits, CallsOverShards);
    }

    public LimitOptions Options => _options;

    public LimitMetrics Metrics => _metrics;

    public TimeProvider Time => _time;

    /// <summary>The limit of a caller key.</summary>
    /// <exception cref="ConfigurationException"><see cref="LimitOptions.LimitOf"/> gave a wrong one.</exception>
    public WindowLimit LimitOf(string callerKey)
    {
        if (_options.LimitOf?.Invoke(callerKey) is not { } limit)
        {
            return _options.Default;
        }

        return LimitOptionsValidator.Problem(limit) is not { } problem
            ? limit
            : throw new ConfigurationException(
                nameof(LimitOptions.LimitOf), $"LimitOf of rate limit '{_options.Name}' gave a caller key a limit whose {problem}");
    }

    /// <summary>Decides. Never throws for a Redis that is away.</summary>
    public async Task<LimitDecision> DecideAsync(string callerKey, int permits, WindowLimit limit, CancellationToken cancellationToken)
    {
        var (shard, key) = _keys.Of(callerKey);
        var started = _time.GetTimestamp();
        if (_absence.Remaining(shard) is var remaining && remaining > TimeSpan.Zero)
        {
            return Unchecked(remaining);
        }

        try
        {
            var answer = await AskAsync(shard, new(key, permits, limit))
                .WaitAsync(_options.Timeout, _time, cancellationToken).ConfigureAwait(false);
            if (answer.Error is { } error)
            {
                UnexpectedKey(_logger, _options.Name, error);
                return Unchecked(_options.AwayPause);
            }

            // Only an answer of a shard that was away says that it is over: where one server of several is, the others answer all the time.
            if (Volatile.Read(ref _isAway[shard]) == 1 && Interlocked.Exchange(ref _isAway[shard], 0) == 1
                && Interlocked.Exchange(ref _isLogged, 0) == 1)
            {
                Back(_logger, _options.Name);
            }

            _metrics.Asked(_options.Name, _time.GetElapsedTime(started));
            return answer.Decision;
        }
        catch (Exception e) when (e is BufferUnavailableException or TimeoutException)
        {
            _absence.Note(shard);
            Volatile.Write(ref _isAway[shard], 1);
            if (Interlocked.Exchange(ref _isLogged, 1) == 0)
            {
                Away(_logger, e, _options.Name, _options.WhenAway);
            }

            return Unchecked(_options.AwayPause);
        }
    }

    private LimitDecision Unchecked(TimeSpan pause)
        => _options.WhenAway == WhenRedisIsAway.Admit
            ? new(IsAdmitted: true, 0, TimeSpan.Zero, 0, IsUnchecked: true)
            : new(IsAdmitted: false, 0, pause, 0, IsUnchecked: true);

    private async Task<LimitAnswer> AskAsync(int shard, LimitRequest request)
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
            Detached.Start(static decider => decider.FindOneServerAsync(), this);
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

    [LoggerMessage(
        1, LogLevel.Warning,
        "Redis, or a part of it, can't be asked about the rate limit '{Limit}'. Until it can, the answer to every call there is: " +
        "{Answer} (WhenAway).")]
    private static partial void Away(ILogger logger, Exception error, string limit, WhenRedisIsAway answer);

    [LoggerMessage(2, LogLevel.Information, "The rate limit '{Limit}' is decided by Redis again.")]
    private static partial void Back(ILogger logger, string limit);

    [LoggerMessage(
        3, LogLevel.Error,
        "A key of the rate limit '{Limit}' holds something that this library did not write ({Error}). Remove it, or use another " +
        "KeyPrefix.")]
    private static partial void UnexpectedKey(ILogger logger, string limit, string error);

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

/// <summary>One question to the script.</summary>
/// <param name="Key">The sorted set of the caller key.</param>
/// <param name="Permits">How many permits are wanted; 0 asks whether there is one and takes none.</param>
/// <param name="Limit">The caller's limit.</param>
internal readonly record struct LimitRequest(RedisKey Key, int Permits, WindowLimit Limit);

/// <summary>Counts the decisions of all rate limits.</summary>
internal sealed class LimitMetrics(EngineMeter meter)
{
    private readonly Counter<long> _decisions = meter.Meter.CreateCounter<long>(WriteBehindDiagnostics.LimitDecisions, "{decision}");
    private readonly Histogram<double> _duration =
        meter.Meter.CreateHistogram<double>(WriteBehindDiagnostics.LimitDuration, "s", advice: Buckets.Seconds);

    public void Decided(string limit, in LimitDecision decision, bool isLocal) => _decisions.Add(
        1,
        new(WriteBehindDiagnostics.LimitTag, limit),
        new(
            WriteBehindDiagnostics.OutcomeTag,
            isLocal ? "rejected_locally"
                : (decision.IsAdmitted ? "admitted" : "rejected") + (decision.IsUnchecked ? "_unchecked" : string.Empty)));

    public void Asked(string limit, TimeSpan duration)
        => _duration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>(WriteBehindDiagnostics.LimitTag, limit));
}

/// <summary>What was decided.</summary>
/// <param name="IsAdmitted">Whether the permits were granted.</param>
/// <param name="Remaining">How many permits are left in the window.</param>
/// <param name="RetryAfter">How long until as many permits as were wanted can be free; zero where they were granted.</param>
/// <param name="At">When, on Redis' clock, in µs; 0 where Redis was not asked.</param>
/// <param name="IsUnchecked">Whether Redis was away and the answer is that of <see cref="LimitOptions.WhenAway"/>.</param>
internal readonly record struct LimitDecision(bool IsAdmitted, int Remaining, TimeSpan RetryAfter, long At, bool IsUnchecked = false);

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
