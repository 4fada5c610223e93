using WriteBehind;

namespace Embedded.Limits;

/// <summary>What partners may ask, and not too often: whether there is any.</summary>
internal static class AvailabilityEndpoint
{
    public static void MapAvailability(this IEndpointRouteBuilder endpoints) => endpoints
        .MapGet("/stock/{id}/available", async (string id, IEntityStore<Stock> store, CancellationToken cancellationToken)
            => await store.GetAsync(id, cancellationToken) is { State.Quantity: > 0 })
        .RequireRateLimiting(AvailabilityLimit.Name)
        .WithTags("Stock")
        .WithSummary("Whether there is any; five questions in ten seconds for each caller (X-Caller), then 429 with Retry-After.")
        .ProducesProblem(429);
}
