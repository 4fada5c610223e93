using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using WriteBehind.AspNetCore.Documents;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore.Endpoints;

internal static class StatusEndpoint
{
    public static async Task<IResult> GetAsync(HttpContext http, IWriteBehindEngine engine)
        => Results.Json(
            StatusDocument.From(await engine.GetStatusAsync(http.RequestAborted).ConfigureAwait(false)),
            WriteBehindJson.Default.StatusDocument);
}

internal static class FlushEndpoint
{
    private const string TimeoutKey = "timeoutSeconds";
    private const string DurationKey = "seconds";

    // A request that hangs for longer is of no use to anybody; what it did not reach is flushed later anyway.
    private const double LongestTimeoutSeconds = 300;

    /// <summary>Pauses the flush of a type, in the name of the caller.</summary>
    public static async Task<IResult> PauseAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        var duration = FlushPause.DefaultDuration;
        if (http.Request.Query.TryGetValue(DurationKey, out var text))
        {
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
                || !(seconds >= 0.001 && seconds <= FlushPause.LongestDuration.TotalSeconds))
            {
                return WriteBehindProblems.BadRequest(FormattableString.Invariant(
                    $"{DurationKey} is '{text}'; it must be a number above 0 and at most {FlushPause.LongestDuration.TotalSeconds}."));
            }

            duration = TimeSpan.FromSeconds(seconds);
        }

        var by = http.User.Identity is { IsAuthenticated: true, Name: { Length: > 0 } name } ? name : "a caller without a name";
        return Results.Json(
            await engine.PauseAsync(type, duration, $"{by} over HTTP", http.RequestAborted).ConfigureAwait(false),
            WriteBehindJson.Default.FlushPause);
    }

    public static async Task<IResult> ResumeAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => Results.Json(
            new ResumeAnswer(type, await engine.ResumeAsync(type, http.RequestAborted).ConfigureAwait(false)),
            WriteBehindJson.Default.ResumeAnswer);

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

/// <summary>Single entities, for operators. Their ids are in the query, as those of dead letters are.</summary>
internal static class EntityEndpoints
{
    public static async Task<IResult> InspectAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => EntityQuery.TryReadId(http, out var id)
            ? Results.Json(
                EntityDocument.From(await engine.InspectAsync(type, id, http.RequestAborted).ConfigureAwait(false)),
                WriteBehindJson.Default.EntityDocument)
            : EntityQuery.IdMissing();

    public static async Task<IResult> OldestAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!EntityQuery.TryReadLimit(http, out var limit))
        {
            return EntityQuery.LimitWrong(http);
        }

        var oldest = await engine.OldestAsync(type, limit, http.RequestAborted).ConfigureAwait(false);
        return Results.Json(
            new OldestDocument(type, limit, [.. oldest.Select(DirtyDocument.From)]), WriteBehindJson.Default.OldestDocument);
    }
}

/// <summary>What requests about entities say in their query.</summary>
internal static class EntityQuery
{
    private const int DefaultLimit = 100;
    private const int LargestLimit = 1_000;

    public static bool TryReadLimit(HttpContext http, out int limit)
    {
        limit = DefaultLimit;
        return !http.Request.Query.TryGetValue("limit", out var text)
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= LargestLimit);
    }

    public static ProblemHttpResult LimitWrong(HttpContext http)
        => WriteBehindProblems.BadRequest(
            $"limit is '{http.Request.Query["limit"]}'; it must be a whole number from 1 to {LargestLimit}.");

    public static bool TryReadId(HttpContext http, out string id)
    {
        var values = http.Request.Query["id"];
        id = values.Count == 1 ? values.ToString() : "";
        return id.Length > 0;
    }

    public static ProblemHttpResult IdMissing()
        => WriteBehindProblems.BadRequest("Name the entity once, in the query: ?id=… with its characters percent-encoded.");
}

/// <summary>The live page: one document with no asset of its own or of others.</summary>
internal static class PageEndpoint
{
    private const string NoncePlaceholder = "{{nonce}}";

    private static readonly string Html = Load();

    public static IResult Get(HttpContext http)
    {
        // Ids and errors on the page come from whoever writes entities. The script puts them in as text; should it ever fail to,
        // this policy runs nothing but the script itself.
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; " +
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        return Results.Content(Html.Replace(NoncePlaceholder, nonce, StringComparison.Ordinal), "text/html; charset=utf-8", Encoding.UTF8);
    }

    private static string Load()
    {
        const string Name = "WriteBehind.AspNetCore.Page.page.html";
        using var stream = typeof(PageEndpoint).Assembly.GetManifestResourceStream(Name)
            ?? throw new InvalidOperationException($"The resource {Name} is missing from the assembly.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
