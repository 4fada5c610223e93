using System.Globalization;
using Microsoft.AspNetCore.Http;
using WriteBehind.AspNetCore.Documents;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore.Endpoints;

internal static class FlushEndpoint
{
    private const string TimeoutKey = "timeoutSeconds";

    // A request that hangs for longer is of no use to anybody; what it did not reach is flushed later anyway.
    private const double LongestTimeoutSeconds = 300;

    public static async Task<IResult> FlushAllAsync(HttpContext http, IWriteBehindEngine engine)
    {
        TimeSpan? timeout = null;
        if (http.Request.Query.TryGetValue(TimeoutKey, out var text))
        {
            // Written so that NaN, which compares false with everything, is refused as well.
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
                || !(seconds > 0 && seconds <= LongestTimeoutSeconds))
            {
                return WriteBehindProblems.BadRequest(
                    $"{TimeoutKey} is '{text}'; it must be a number above 0 and at most {LongestTimeoutSeconds}.");
            }

            timeout = TimeSpan.FromSeconds(seconds);
        }

        return Results.Json(
            await engine.FlushAllAsync(timeout, http.RequestAborted).ConfigureAwait(false),
            WriteBehindJson.Default.FlushReport);
    }
}
