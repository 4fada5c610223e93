using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.RateLimits;

/// <summary>What Redis answered to one request.</summary>
/// <param name="Decision">The decision, where there is one.</param>
/// <param name="Error">Why there is none; null where there is one.</param>
internal readonly record struct LimitAnswer(LimitDecision Decision, string? Error = null);

/// <summary>
/// Decides for all callers of one rate limit in this process. Where Redis does not answer in time, the answer is what
/// <see cref="LimitOptions.WhenAway"/> says, and Redis is not asked about that shard for a while: a limiter must not add its own time-out
/// to every call of a service. Per shard, as they may be on different servers.
/// </summary>
internal sealed partial class LimitDecider
{
    private readonly LimitOptions _options;
    private readonly LimitKeys _keys;
    private readonly ILimitStore _store;
    private readonly LimitMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ShardAbsence _absence;
    private readonly int[] _isAway;
    private int _isLogged;

    public LimitDecider(LimitOptions options, string prefix, ILimitServers servers, LimitMetrics metrics, ILogger logger)
    {
        (_options, _metrics, _time, _logger) = (options, metrics, servers.Time, logger);
        _store = servers.Connect(options, logger);
        _keys = new LimitKeys(prefix, options.Name, options.Shards);
        RemembersRejections = servers.IsRemote && !options.CountRejected;
        _absence = new ShardAbsence(options.Shards, servers.IsRemote ? options.AwayPause : TimeSpan.Zero, static () => { }, _time);
        _isAway = new int[options.Shards];
    }

    public LimitOptions Options => _options;

    public LimitMetrics Metrics => _metrics;

    public TimeProvider Time => _time;

    /// <summary>Whether limiters reject by themselves what Redis would certainly reject.</summary>
    public bool RemembersRejections { get; }

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

    /// <summary>Where the window of a caller key is. Whoever decides for it often asks once.</summary>
    public (int Shard, RedisKey Key) KeyOf(string callerKey) => _keys.Of(callerKey);

    /// <summary>Decides. Never throws for a Redis that is away.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<LimitDecision> DecideAsync(int shard, LimitRequest request, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        if (_absence.Remaining(shard) is var remaining && remaining > TimeSpan.Zero)
        {
            return Unchecked(remaining);
        }

        try
        {
            var answer = await _store.DecideAsync(shard, request)
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
}

/// <summary>What the rate limits of a process stand on: Redis, or in tests what is in its place.</summary>
internal interface ILimitServers
{
    /// <summary>The clock of this process' part.</summary>
    TimeProvider Time { get; }

    /// <summary>
    /// Whether asking takes a round trip. Only then are rejections remembered, and is Redis passed by for a while where it is away. A test
    /// that empties its servers, or mends them, must not meet either.
    /// </summary>
    bool IsRemote { get; }

    /// <summary>Makes the way to the windows of a limit.</summary>
    ILimitStore Connect(LimitOptions options, ILogger logger);
}

/// <summary>The windows of the callers of one rate limit.</summary>
internal interface ILimitStore
{
    /// <summary>Decides for a caller in one step: trims what has left the window, looks, adds.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<LimitAnswer> DecideAsync(int shard, LimitRequest request);
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
