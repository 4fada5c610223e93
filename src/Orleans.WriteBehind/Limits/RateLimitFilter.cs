using System.Collections.Concurrent;
using System.Threading.RateLimiting;
using WriteBehind;
using WriteBehind.Caching.Limits;

namespace Orleans.WriteBehind.Limits;

/// <summary>Refuses calls that are over their limit before the grain sees them.</summary>
internal sealed class RateLimitFilter(IRateLimits limits, Func<IIncomingGrainCallContext, GrainLimit?> select) : IIncomingGrainCallFilter, IAsyncDisposable
{
    // The limiter of a caller is let go of when the caller has been quiet for a while; until then it remembers rejections.
    private readonly ConcurrentDictionary<string, PartitionedRateLimiter<string>> _limiters = new(StringComparer.Ordinal);

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (select(context) is { } limit)
        {
            var limiter = _limiters.GetOrAdd(limit.Limit, static (name, all) => all.Partitioned<string>(name, static key => key), limits);
            using var lease = await limiter.AcquireAsync(limit.CallerKey).ConfigureAwait(true);
            if (!lease.IsAcquired)
            {
                throw new RateLimitedException(
                    limit.Limit, limit.CallerKey, lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : null);
            }
        }

        await context.Invoke().ConfigureAwait(true);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var limiter in _limiters.Values)
        {
            await limiter.DisposeAsync().ConfigureAwait(false);
        }
    }
}
