using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using WriteBehind.RateLimits;

namespace WriteBehind;

/// <summary>Registers rate limits.</summary>
public static class RateLimitBuilderExtensions
{
    /// <summary>
    /// Registers a sliding-window rate limit in Redis; <see cref="IRateLimits"/> gives its limiters. It needs <c>UseRedis</c>, but no
    /// entity type and no sink.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddRateLimit(this WriteBehindBuilder builder, string name, Action<LimitOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new LimitOptions(name);
        configure?.Invoke(options);
        builder.Services.AddSingleton(options);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindOptions>, LimitOptionsValidator>());
        builder.Services.TryAddSingleton<LimitMetrics>();
        builder.Services.TryAddSingleton<IRateLimits, RedisRateLimits>();
        return builder;
    }
}
