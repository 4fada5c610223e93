using Microsoft.Extensions.DependencyInjection;
using WriteBehind.RateLimits;

namespace WriteBehind.Tests.Caching.Limits;

/// <summary>The example of docs/limits.md, word for word.</summary>
internal static class LimitsPageExample
{
    public static void Register(IServiceCollection services, string redis)
    {
        // <page>
        services.AddWriteBehind()
            .UseRedis(redis)
            .AddRateLimit("api", limit =>
            {
                limit.Permits = 100;
                limit.Window = TimeSpan.FromMinutes(1);
                limit.LimitOf = caller => caller.StartsWith("gold-", StringComparison.Ordinal)
                    ? new WindowLimit(1000, TimeSpan.FromMinutes(1))
                    : null;
            });
        // </page>
    }
}
