using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using WriteBehind.AspNetCore.Documents;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore.Endpoints;

/// <summary>
/// Dead letters over HTTP. An id may hold any characters ('/', '..', line breaks), and servers and proxies decode, merge or refuse
/// such paths each in their own way: so ids are in the query, never in the path.
/// </summary>
internal static class DeadLetterEndpoints
{
    private const int DefaultLimit = 100;
    private const int LargestLimit = 1_000;

    public static async Task<IResult> ListAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        var limit = DefaultLimit;
        if (http.Request.Query.TryGetValue("limit", out var text)
            && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= LargestLimit))
        {
            return WriteBehindProblems.BadRequest($"limit is '{text}'; it must be a whole number from 1 to {LargestLimit}.");
        }

        var letters = await engine.DeadLetters.ListAsync(type, limit, http.RequestAborted).ConfigureAwait(false);
        return Results.Json(new DeadLetterList(type, limit, letters), WriteBehindJson.Default.DeadLetterList);
    }

    public static async Task<IResult> ShowAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!TryReadId(http, out var id))
        {
            return IdMissing();
        }

        var detail = await engine.DeadLetters.ShowAsync(type, id, http.RequestAborted).ConfigureAwait(false);
        return detail is null
            ? NoLetter(type, id)
            : Results.Json(DeadLetterDocument.From(detail), WriteBehindJson.Default.DeadLetterDocument);
    }

    public static async Task<IResult> RetryAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!TryReadId(http, out var id))
        {
            return IdMissing();
        }

        return await engine.DeadLetters.RetryAsync(type, id, http.RequestAborted).ConfigureAwait(false)
            ? Done(type, id, "retried", 1)
            : NoLetter(type, id);
    }

    public static async Task<IResult> RetryAllAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => Done(type, null, "retried", await engine.DeadLetters.RetryAllAsync(type, http.RequestAborted).ConfigureAwait(false));

    public static async Task<IResult> DiscardAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!TryReadId(http, out var id))
        {
            return IdMissing();
        }

        return await engine.DeadLetters.DiscardAsync(type, id, http.RequestAborted).ConfigureAwait(false)
            ? Done(type, id, "discarded", 1)
            : NoLetter(type, id);
    }

    private static bool TryReadId(HttpContext http, out string id)
    {
        var values = http.Request.Query["id"];
        id = values.Count == 1 ? values.ToString() : "";
        return id.Length > 0;
    }

    private static ProblemHttpResult IdMissing()
        => WriteBehindProblems.BadRequest("Name the entity once, in the query: ?id=… with its characters percent-encoded.");

    private static ProblemHttpResult NoLetter(string type, string id)
        => WriteBehindProblems.NotFound($"There is no dead letter for {type} '{id}'.");

    private static JsonHttpResult<DeadLetterAction> Done(string type, string? id, string action, long count)
        => TypedResults.Json(new DeadLetterAction(type, id, action, count), WriteBehindJson.Default.DeadLetterAction);
}
