using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using WriteBehind.RateLimits;

namespace Embedded.Limits;

/// <summary>How ASP.NET Core's rate limiting middleware is given a limit that all processes of the service share.</summary>
internal static class AvailabilityLimit
{
    public const string Name = "availability";
    public const string CallerHeader = "X-Caller";

    public static void AddAvailabilityLimit(this IServiceCollection services) => services.AddRateLimiter(limiter =>
    {
        limiter.AddPolicy(Name, http => http.RequestServices.GetRequiredService<IRateLimits>().Partition(Name, CallerOf(http)));
        limiter.OnRejected = RefuseAsync;
    });

    // A real service takes who it has authenticated. What anybody can make up in a header limits only those who are honest.
    private static string CallerOf(HttpContext http)
        => http.Request.Headers[CallerHeader] is [{ Length: > 0 } named] ? named : http.Connection.RemoteIpAddress?.ToString() ?? "unknown";

    private static async ValueTask RefuseAsync(OnRejectedContext context, CancellationToken cancellationToken)
    {
        if (context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait))
        {
            context.HttpContext.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        await TypedResults.Problem("You ask for availability too often.", statusCode: StatusCodes.Status429TooManyRequests)
            .ExecuteAsync(context.HttpContext);
    }
}
