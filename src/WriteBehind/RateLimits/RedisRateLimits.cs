using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.RateLimits;

/// <summary>The registered rate limits.</summary>
internal sealed class RedisRateLimits : IRateLimits
{
    private readonly Dictionary<string, LimitDecider> _deciders;

    public RedisRateLimits(
        IEnumerable<LimitOptions> limits,
        WriteBehindOptions options,
        RedisConnections redis,
        LimitMetrics metrics,
        TimeProvider time, ILoggerFactory loggers)
    {
        var logger = loggers.CreateLogger(LogCategories.RateLimits);
        _deciders = limits.ToDictionary(
            limit => limit.Name,
            limit => new LimitDecider(limit, options.KeyPrefix, redis, metrics, time, logger),
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
