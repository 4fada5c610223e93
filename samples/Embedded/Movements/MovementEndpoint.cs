using WriteBehind;

namespace Embedded.Movements;

/// <summary>The bulk way in: a WebSocket at <c>/stock/movements</c> that takes and answers movements many at a time.</summary>
internal static class MovementEndpoint
{
    public static void MapMovements(this IEndpointRouteBuilder endpoints)
        => endpoints.Map("/stock/movements", ServeAsync).ExcludeFromDescription();

    private static async Task<IResult> ServeAsync(HttpContext http, IEntityStore<Stock> store, IHostApplicationLifetime lifetime)
    {
        if (!http.WebSockets.IsWebSocketRequest)
        {
            return TypedResults.Problem(
                "This address speaks WebSocket; single movements go to POST /stock/{id}/movements.", statusCode: 400);
        }

        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        using var session = new MovementSession(socket, store);
        await session.RunAsync(lifetime.ApplicationStopping);
        return Results.Empty;
    }
}
