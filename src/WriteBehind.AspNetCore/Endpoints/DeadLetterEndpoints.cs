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
    public static async Task<IResult> ListAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!EntityQuery.TryReadLimit(http, out var limit))
        {
            return EntityQuery.LimitWrong(http);
        }

        var letters = await engine.DeadLetters.ListAsync(type, limit, http.RequestAborted).ConfigureAwait(false);
        return Results.Json(new DeadLetterList(type, limit, letters), WriteBehindJson.Default.DeadLetterList);
    }

    public static async Task<IResult> ShowAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!EntityQuery.TryReadId(http, out var id))
        {
            return EntityQuery.IdMissing();
        }

        var detail = await engine.DeadLetters.ShowAsync(type, id, http.RequestAborted).ConfigureAwait(false);
        return detail is null
            ? NoLetter(type, id)
            : Results.Json(DeadLetterDocument.From(detail), WriteBehindJson.Default.DeadLetterDocument);
    }

    public static async Task<IResult> RetryAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!EntityQuery.TryReadId(http, out var id))
        {
            return EntityQuery.IdMissing();
        }

        return await engine.DeadLetters.RetryAsync(type, id, http.RequestAborted).ConfigureAwait(false)
            ? Done(type, id, "retried", 1)
            : NoLetter(type, id);
    }

    public static async Task<IResult> RetryAllAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => Done(type, null, "retried", await engine.DeadLetters.RetryAllAsync(type, http.RequestAborted).ConfigureAwait(false));

    public static async Task<IResult> DiscardAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!EntityQuery.TryReadId(http, out var id))
        {
            return EntityQuery.IdMissing();
        }

        return await engine.DeadLetters.DiscardAsync(type, id, http.RequestAborted).ConfigureAwait(false)
            ? Done(type, id, "discarded", 1)
            : NoLetter(type, id);
    }

    private static ProblemHttpResult NoLetter(string type, string id)
        => WriteBehindProblems.NotFound($"There is no dead letter for {type} '{id}'.");

    private static JsonHttpResult<DeadLetterAction> Done(string type, string? id, string action, long count)
        => TypedResults.Json(new DeadLetterAction(type, id, action, count), WriteBehindJson.Default.DeadLetterAction);
}
