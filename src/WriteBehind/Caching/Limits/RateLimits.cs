using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;

namespace WriteBehind.Caching.Limits;

/// <summary>The registered rate limits.</summary>
internal sealed class RateLimits : IRateLimits
{
    private readonly Dictionary<string, LimitDesk> _desks;

    public RateLimits(
        IEnumerable<LimitOptions> limits, WriteBehindOptions options, RedisConnections redis, LimitMetrics metrics, TimeProvider time, ILogger<RateLimits> logger)
        => _desks = limits.ToDictionary(
            limit => limit.Name, limit => new LimitDesk(limit, options.KeyPrefix, redis, metrics, time, logger), StringComparer.Ordinal);

    public RateLimiter For(string limit, string callerKey)
    {
        ArgumentNullException.ThrowIfNull(callerKey);
        return new RedisRateLimiter(DeskOf(limit), callerKey);
    }

    public RateLimitPartition<string> Partition(string limit, string callerKey)
    {
        ArgumentNullException.ThrowIfNull(callerKey);
        var desk = DeskOf(limit);

        // With the name in it: a partitioned limiter over several limits would judge a caller by the one it met first. No name has a colon.
        return RateLimitPartition.Get($"{limit}:{callerKey}", _ => new RedisRateLimiter(desk, callerKey));
    }

    public PartitionedRateLimiter<TResource> Partitioned<TResource>(string limit, Func<TResource, string> callerKeyOf)
    {
        ArgumentNullException.ThrowIfNull(callerKeyOf);
        _ = DeskOf(limit);
        return PartitionedRateLimiter.Create<TResource, string>(resource => Partition(limit, callerKeyOf(resource)), StringComparer.Ordinal);
    }

    private LimitDesk DeskOf(string limit)
        => _desks.TryGetValue(limit, out var desk)
            ? desk
            : throw new ConfigurationException(
                "AddRateLimit",
                $"No rate limit '{limit}' is registered (there are: {string.Join(", ", _desks.Keys.DefaultIfEmpty("none"))}): call AddRateLimit(\"{limit}\", …) on the builder.");
}
