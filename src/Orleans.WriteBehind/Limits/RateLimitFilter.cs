using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Threading.RateLimiting;
using WriteBehind.RateLimits;

namespace Orleans.WriteBehind.Limits;

/// <summary>Refuses calls that are over their limit before the grain sees them.</summary>
internal sealed class RateLimitFilter(
    IRateLimits limits, Func<IIncomingGrainCallContext, GrainLimit?> select) : IIncomingGrainCallFilter, IAsyncDisposable
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

/// <summary>Reads <see cref="RateLimitedAttribute"/>: what is nearest to the method counts.</summary>
internal static class AttributeSelector
{
    private static readonly ConcurrentDictionary<(MethodInfo Method, Type? Grain), RateLimitedAttribute?> Known = new();

    public static GrainLimit? Select(IIncomingGrainCallContext call)
    {
        var key = (call.InterfaceMethod, call.Grain?.GetType());
        if (!Known.TryGetValue(key, out var found))
        {
            found = Known.GetOrAdd(key, Find(call));
        }

        // What is before the caller's name keeps it out of the windows of grains, and of names that mean something else.
        return found switch
        {
            null => null,
            { CallerKey: { } caller }
                => new(found.Limit, $"{caller}={Convert.ToString(RequestContext.Get(caller), CultureInfo.InvariantCulture)}"),
            _ => new(found.Limit, $"grain:{call.TargetId}"),
        };
    }

    private static RateLimitedAttribute? Find(IIncomingGrainCallContext call)
    {
        if (call.InterfaceMethod.DeclaringType is not { } type || IsOfRuntime(type))
        {
            return null;
        }

        // An extension is called at the address of a grain, but is not the grain.
        var isGrain = type.IsInstanceOfType(call.Grain);
        return call.InterfaceMethod.GetCustomAttribute<RateLimitedAttribute>()
            ?? call.ImplementationMethod?.GetCustomAttribute<RateLimitedAttribute>()
            ?? type.GetCustomAttribute<RateLimitedAttribute>()
            ?? type.GetInterfaces()
                .Select(static inherited => inherited.GetCustomAttribute<RateLimitedAttribute>())
                .FirstOrDefault(static found => found is not null)
            ?? (isGrain ? call.Grain!.GetType().GetCustomAttribute<RateLimitedAttribute>() : null);
    }

    /// <summary>Reminders, timers, streams, management: a grain that misses those is broken rather than limited.</summary>
    private static bool IsOfRuntime(Type type)
        => type.Assembly.GetCustomAttribute<AssemblyProductAttribute>()?.Product
            == typeof(IGrain).Assembly.GetCustomAttribute<AssemblyProductAttribute>()?.Product;
}
