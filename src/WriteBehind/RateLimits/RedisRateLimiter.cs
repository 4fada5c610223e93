using System.Threading.RateLimiting;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.RateLimits;

/// <summary>
/// The limiter of one caller key. The window is in Redis, so any number of limiters of a key, in any number of processes, share it. It
/// never queues: a call is admitted or rejected at once.
/// </summary>
/// <remarks>
/// Where rejected attempts don't count, a rejection says until when every further one is certain: permits only come free by leaving the
/// window. Until then this limiter rejects single permits by itself. The time is taken from before the question was sent, so it never
/// rejects longer than Redis would, and a caller that hammers costs Redis nothing. How long several permits at once have to wait only Redis
/// knows.
/// </remarks>
internal sealed class RedisRateLimiter : RateLimiter
{
    private static readonly LimitDecision NotAsked = new(IsAdmitted: false, 0, TimeSpan.Zero, 0);

    private readonly LimitDecider _decider;
    private readonly int _shard;
    private readonly RedisKey _key;
    private readonly WindowLimit _limit;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private (long At, int Remaining)? _last;
    private long _closedUntil;
    private long _lastUse;
    private long _successful;
    private long _failed;
    private int _underWay;
    private volatile bool _disposed;

    public RedisRateLimiter(LimitDecider decider, string callerKey)
    {
        (_decider, _time) = (decider, decider.Time);
        (_shard, _key) = decider.KeyOf(callerKey);
        _limit = decider.LimitOf(callerKey);
        _lastUse = _closedUntil = _time.GetTimestamp();
    }

    /// <summary>How long nobody has used it, so that a <see cref="PartitionedRateLimiter{TResource}"/> lets go of it.</summary>
    public override TimeSpan? IdleDuration
    {
        get
        {
            lock (_lock)
            {
                return _underWay > 0 ? null : _time.GetElapsedTime(_lastUse);
            }
        }
    }

    /// <summary>
    /// This limiter's own totals, and the permits that were left when Redis was last asked; all of them once a window has passed since.
    /// </summary>
    public override RateLimiterStatistics GetStatistics()
    {
        lock (_lock)
        {
            return new RateLimiterStatistics
            {
                CurrentAvailablePermits = _last is { } last && _time.GetElapsedTime(last.At) < _limit.Window
                    ? last.Remaining
                    : _limit.Permits,
                CurrentQueuedCount = 0,
                TotalSuccessfulLeases = _successful,
                TotalFailedLeases = _failed,
            };
        }
    }

    /// <summary>
    /// Never admits: that takes an answer of Redis, which can't be had without waiting. It counts nothing and asks nobody; ASP.NET Core's
    /// middleware tries this first and then <see cref="RateLimiter.AcquireAsync"/>.
    /// </summary>
    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        Check(permitCount);
        return new RedisRateLimitLease(NotAsked, _limit, "Only AcquireAsync can ask Redis.");
    }

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        Check(permitCount);
        cancellationToken.ThrowIfCancellationRequested();
        var started = Enter(permitCount, out var wait);
        var isLocal = wait > TimeSpan.Zero;
        LimitDecision? decision = null;
        try
        {
            decision = isLocal
                ? NotAsked with { RetryAfter = wait }
                : await _decider.DecideAsync(_shard, new(_key, permitCount, _limit), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Leave(decision, permitCount, started, isLocal);
        }

        _decider.Metrics.Decided(_decider.Options.Name, decision.Value, isLocal);
        return new RedisRateLimitLease(decision.Value, _limit, ReasonOf(decision.Value));
    }

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        base.Dispose(disposing);
    }

    private static string? ReasonOf(in LimitDecision decision) => decision switch
    {
        { IsAdmitted: true } => null,
        { IsUnchecked: true } => "Redis is away, and this limit admits nobody meanwhile.",
        _ => "The limit of the window is reached.",
    };

    private void Check(int permitCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (permitCount > _limit.Permits)
        {
            throw new ArgumentOutOfRangeException(
                nameof(permitCount),
                permitCount,
                $"A window of rate limit '{_decider.Options.Name}' has {_limit.Permits} permits for this caller; more can never be had " +
                "at once.");
        }
    }

    private long Enter(int permitCount, out TimeSpan closed)
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            _underWay++;
            closed = permitCount <= 1 && now < _closedUntil ? _time.GetElapsedTime(now, _closedUntil) : TimeSpan.Zero;
            return now;
        }
    }

    private void Leave(LimitDecision? made, int permitCount, long started, bool isLocal)
    {
        lock (_lock)
        {
            _underWay--;
            _lastUse = _time.GetTimestamp();
            if (made is not { } decision)
            {
                return;
            }

            _ = decision.IsAdmitted ? _successful++ : _failed++;
            if (isLocal || decision.IsUnchecked)
            {
                return;
            }

            _last = (_lastUse, decision.Remaining);
            if (!decision.IsAdmitted && permitCount <= 1 && _decider.RemembersRejections)
            {
                _closedUntil = _time.After(started, decision.RetryAfter);
            }
        }
    }
}

/// <summary>A decision as a lease. Nothing is given back with it: a permit comes free when it leaves the window.</summary>
internal sealed class RedisRateLimitLease(LimitDecision decision, WindowLimit limit, string? reason) : RateLimitLease
{
    private static readonly string[] Names =
    [
        MetadataName.RetryAfter.Name, MetadataName.ReasonPhrase.Name, LimitMetadata.Limit.Name, LimitMetadata.Remaining.Name,
        LimitMetadata.Unchecked.Name, LimitMetadata.DecidedAt.Name,
    ];

    public override bool IsAcquired => decision.IsAdmitted;

    public override IEnumerable<string> MetadataNames => Names.Where(name => TryGetMetadata(name, out _));

    public override bool TryGetMetadata(string metadataName, out object? metadata)
    {
        metadata = metadataName switch
        {
            "RETRY_AFTER" => decision.IsAdmitted || decision.RetryAfter <= TimeSpan.Zero ? null : decision.RetryAfter,
            "REASON_PHRASE" => reason,
            "WRITEBEHIND_LIMIT" => limit,
            "WRITEBEHIND_REMAINING" => decision.At == 0 ? null : decision.Remaining,
            "WRITEBEHIND_UNCHECKED" => decision.IsUnchecked ? true : null,
            "WRITEBEHIND_DECIDED_AT" => decision.At == 0 ? null : decision.At,
            _ => null,
        };
        return metadata is not null;
    }
}
