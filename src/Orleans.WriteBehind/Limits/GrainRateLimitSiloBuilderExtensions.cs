using Microsoft.Extensions.DependencyInjection;
using Orleans.WriteBehind.Limits;
using WriteBehind.Caching.Limits;

namespace Orleans.WriteBehind;

/// <summary>Adds rate limits on grain calls to a silo.</summary>
public static class GrainRateLimitSiloBuilderExtensions
{
    /// <summary>
    /// Rate-limits grain calls. The limits are registered with <c>AddRateLimit</c> on the builder of <c>AddWriteBehind</c>; the windows are in Redis,
    /// so all silos share them. An admitted call costs a round trip to Redis before it begins.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="select">
    /// Says what limits a call; null as its answer for nothing. Null (the default) for what <see cref="RateLimitedAttribute"/> says. It sees
    /// every call, also those of the runtime, so it must be quick.
    /// </param>
    public static ISiloBuilder AddGrainRateLimits(this ISiloBuilder builder, Func<IIncomingGrainCallContext, GrainLimit?>? select = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IIncomingGrainCallFilter>(
            services => new RateLimitFilter(services.GetRequiredService<IRateLimits>(), select ?? AttributeSelector.Select));
        return builder;
    }
}
