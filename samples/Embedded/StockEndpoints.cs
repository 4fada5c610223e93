using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using WriteBehind;
using WriteBehind.AspNetCore;

namespace Embedded;

/// <summary>The shop's own API. The library's errors become problem details by themselves (see Program.cs).</summary>
internal static class StockEndpoints
{
    public static void MapStock(this IEndpointRouteBuilder endpoints)
    {
        var stock = endpoints.MapGroup("/stock/{id}").WithTags("Stock");
        stock.MapGet("", GetAsync).WithSummary("The latest acknowledged stock of a product; its version is the ETag.");
        stock.MapPut("", PutAsync).WithSummary("Counts a product anew. With If-Match only if it is still at that version.");
        stock.MapDelete("", DeleteAsync).WithSummary("Drops a product. With If-Match only if it is still at that version.");
        stock.MapPost("movements", MoveAsync).WithIdempotencyKey()
            .WithSummary("Adds to the stock of a product, or takes from it. With Idempotency-Key it may be repeated and counts once.");
    }

    private static async Task<Results<Ok<Stock>, NotFound>> GetAsync(
        string id, IEntityStore<Stock> store, HttpResponse response, CancellationToken cancellationToken)
    {
        if (await store.GetAsync(id, cancellationToken) is not { } found)
        {
            return TypedResults.NotFound();
        }

        response.Headers.ETag = ETag(found.Version);
        return TypedResults.Ok(found.State);
    }

    private static async Task<Results<Ok<Stock>, ProblemHttpResult>> PutAsync(
        string id, StockCount count, [FromHeader(Name = "If-Match")] string? ifMatch, IEntityStore<Stock> store, HttpResponse response,
        CancellationToken cancellationToken)
    {
        if (!TryReadVersion(ifMatch, out var expected))
        {
            return BadVersion(ifMatch);
        }

        var state = new Stock(id, count.Quantity, 0);
        response.Headers.ETag = ETag(await store.SetAsync(id, state, expected, cancellationToken));
        return TypedResults.Ok(state);
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        string id, [FromHeader(Name = "If-Match")] string? ifMatch, IEntityStore<Stock> store, CancellationToken cancellationToken)
    {
        if (!TryReadVersion(ifMatch, out var expected))
        {
            return BadVersion(ifMatch);
        }

        await store.DeleteAsync(id, expected, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Results<Ok<Stock>, ProblemHttpResult>> MoveAsync(
        string id, StockMovement movement, IdempotencyKey? key, IEntityStore<Stock> store, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var change = Stock.Movement(id, movement.Amount);
        try
        {
            if (key is not null)
            {
                var answer = await store.UpdateAsync(id, key.Operation, change, key.Keep, cancellationToken);
                response.Headers.ETag = ETag(answer.Version);
                return TypedResults.Ok(key.Take<Stock>(store.Type, id, answer));
            }

            var moved = await store.UpdateAsync(id, change, cancellationToken);
            response.Headers.ETag = ETag(moved!.Version);
            return TypedResults.Ok(moved.State);
        }
        catch (OverflowException)
        {
            return TypedResults.Problem($"The stock of '{id}' can't take a movement of {movement.Amount}.", statusCode: 422);
        }
    }

    private static string ETag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    private static bool TryReadVersion(string? ifMatch, out long? version)
    {
        version = null;
        if (ifMatch is null)
        {
            return true;
        }

        if (!long.TryParse(ifMatch.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var read))
        {
            return false;
        }

        version = read;
        return true;
    }

    private static ProblemHttpResult BadVersion(string? ifMatch)
        => TypedResults.Problem($"If-Match is '{ifMatch}'; it must be one ETag that this service gave, such as \"5\".", statusCode: 400);
}
