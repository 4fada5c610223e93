using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging;

namespace WriteBehind.RateLimits;

/// <summary>
/// Sliding-window rate limits in Redis, shared by all processes of a service. Registered with
/// <c>AddRateLimit</c>. In any window of the configured length, wherever it begins, a caller key is
/// granted at most its limit.
/// </summary>
/// <remarks>
/// The limiters answer <see cref="RateLimiter.AcquireAsync"/>; <see cref="RateLimiter.AttemptAcquire"/> never admits, since Redis can't be
/// asked without waiting. None of them queues. A lease has the metadata of <see cref="LimitMetadata"/>.
/// </remarks>
public interface IRateLimits
{
    /// <summary>
    /// The limiter of one caller key: a user, an API key, an address, a grain. It holds nothing that must be released, but keep it while
    /// the key is in use: it remembers rejections, so that a caller that hammers does not reach Redis.
    /// </summary>
    /// <exception cref="ConfigurationException">No limit of that name is registered.</exception>
    RateLimiter For(string limit, string callerKey);

    /// <summary>
    /// The same as a partition, for <see cref="PartitionedRateLimiter"/> and the policies of ASP.NET Core's rate limiting middleware. Its
    /// key has the name of the limit in it, so one partitioned limiter can have partitions of several limits.
    /// </summary>
    /// <exception cref="ConfigurationException">No limit of that name is registered.</exception>
    RateLimitPartition<string> Partition(string limit, string callerKey);

    /// <summary>
    /// A limiter over all caller keys, which makes the limiter of a key when it is first used and lets go of it when it is not any more.
    /// </summary>
    /// <param name="limit">The name of the limit.</param>
    /// <param name="callerKeyOf">The caller key of what is limited: a request, a call.</param>
    /// <exception cref="ConfigurationException">No limit of that name is registered.</exception>
    PartitionedRateLimiter<TResource> Partitioned<TResource>(string limit, Func<TResource, string> callerKeyOf);
}

/// <summary>What a lease says beside <see cref="MetadataName.RetryAfter"/> and <see cref="MetadataName.ReasonPhrase"/>.</summary>
public static class LimitMetadata
{
    /// <summary>The caller's limit.</summary>
    public static MetadataName<WindowLimit> Limit { get; } = new("WRITEBEHIND_LIMIT");

    /// <summary>How many permits are left in the window. Not there where Redis was not asked.</summary>
    public static MetadataName<int> Remaining { get; } = new("WRITEBEHIND_REMAINING");

    /// <summary>True where Redis was away and the decision is that of <see cref="LimitOptions.WhenAway"/>. Not there otherwise.</summary>
    public static MetadataName<bool> Unchecked { get; } = new("WRITEBEHIND_UNCHECKED");

    /// <summary>When the decision was made, in µs on Redis' clock. Not there where Redis was not asked.</summary>
    internal static MetadataName<long> DecidedAt { get; } = new("WRITEBEHIND_DECIDED_AT");
}

/// <summary>The registered rate limits.</summary>
internal sealed class RedisRateLimits : IRateLimits
{
    private readonly Dictionary<string, LimitDecider> _deciders;

    public RedisRateLimits(
        IEnumerable<LimitOptions> limits,
        WriteBehindOptions options,
        ILimitServers servers,
        LimitMetrics metrics,
        ILoggerFactory loggers)
    {
        var logger = loggers.CreateLogger(LogCategories.RateLimits);
        _deciders = limits.ToDictionary(
            limit => limit.Name,
            limit => new LimitDecider(limit, options.KeyPrefix, servers, metrics, logger),
            StringComparer.Ordinal);
    }

    public RateLimiter For(string limit, string callerKey)
    {
        ArgumentNullException.ThrowIfNull(callerKey);
        return new RedisRateLimiter(DeciderOf(limit), callerKey);
    }

    public RateLimitPartition<string> Partition(string limit, string callerKey)
    {
        ArgumentNullException.ThrowIfNull(callerKey);
        var decider = DeciderOf(limit);

        // With the name in it: a partitioned limiter over several limits would judge a caller by the one it met first. No name has a colon.
        return RateLimitPartition.Get($"{limit}:{callerKey}", _ => new RedisRateLimiter(decider, callerKey));
    }

    public PartitionedRateLimiter<TResource> Partitioned<TResource>(string limit, Func<TResource, string> callerKeyOf)
    {
        ArgumentNullException.ThrowIfNull(callerKeyOf);
        _ = DeciderOf(limit);
        return PartitionedRateLimiter.Create<TResource, string>(
            resource => Partition(limit, callerKeyOf(resource)), StringComparer.Ordinal);
    }

    private LimitDecider DeciderOf(string limit)
        => _deciders.TryGetValue(limit, out var decider)
            ? decider
            : throw new ConfigurationException(
                "AddRateLimit",
                $"No rate limit '{limit}' is registered (there are: {string.Join(", ", _deciders.Keys.DefaultIfEmpty("none"))}): call " +
                $"AddRateLimit(\"{limit}\", …) on the builder.");
}
