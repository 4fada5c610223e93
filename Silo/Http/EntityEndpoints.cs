using Microsoft.AspNetCore.Http.HttpResults;
using Orleans.WriteBehind;
using Silo.Boards;
using Silo.Contracts;
using WriteBehind;
using WriteBehind.AspNetCore;

namespace Silo.Http;

/// <summary>The entities over HTTP. Errors become problem details by themselves (<see cref="ServiceExceptionHandler"/>).</summary>
internal static class EntityEndpoints
{
    /// <summary>For how long a call under a key is repeated here; then its caller hears why, and may go on with the same key.</summary>
    private static readonly TimeSpan RepeatedFor = TimeSpan.FromSeconds(20);

    public static void MapEntities(this IEndpointRouteBuilder endpoints)
    {
        var stock = endpoints.MapGroup("/stock/{id}").WithTags("Stock").ProducesProblem(503);
        stock.MapGet("", GetStockAsync).WithSummary("The acknowledged stock of a product.");
        stock.MapPost(
            "reserve",
            (string id, QuantityBody body, IdempotencyKey? key, IGrainFactory grains, CancellationToken cancellationToken)
                => CallAsync(Stock(grains, id), key, grain => grain.ReserveAsync(body.Quantity), cancellationToken))
            .WithIdempotencyKey()
            .WithSummary("Takes pieces that are promised to somebody; 409 where there are fewer.").ProducesProblem(400).ProducesProblem(
                409);
        stock.MapPost(
            "order",
            (string id, QuantityBody body, IdempotencyKey? key, IGrainFactory grains, CancellationToken cancellationToken)
                => CallAsync(Stock(grains, id), key, grain => grain.OrderAsync(body.Quantity), cancellationToken))
            .WithIdempotencyKey()
            .WithSummary(
                "Takes pieces for an order; answers once PostgreSQL has it. 409 where there are fewer, 504 where PostgreSQL is late.")
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(504);
        stock.MapPost(
            "release",
            (string id, QuantityBody body, IdempotencyKey? key, IGrainFactory grains, CancellationToken cancellationToken)
                => CallAsync(Stock(grains, id), key, grain => grain.ReleaseAsync(body.Quantity), cancellationToken))
            .WithIdempotencyKey()
            .WithSummary("Puts reserved pieces back.").ProducesProblem(400);
        stock.MapPost(
            "restock",
            (string id, QuantityBody body, IdempotencyKey? key, IGrainFactory grains, CancellationToken cancellationToken)
                => CallAsync(Stock(grains, id), key, grain => grain.RestockAsync(body.Quantity), cancellationToken))
            .WithIdempotencyKey()
            .WithSummary("Adds pieces that were delivered.").ProducesProblem(400);

        var score = endpoints.MapGroup("/score/{game:long}/{player}").WithTags("Score").ProducesProblem(503);
        score.MapGet("", GetScoreAsync).WithSummary("The acknowledged score of a player in a game.");
        score.MapPost(
            "",
            (long game, string player, PointsBody body, IdempotencyKey? key, IGrainFactory grains, CancellationToken cancellationToken)
                => CallAsync(Score(grains, game, player), key, grain => grain.AddAsync(body.Points), cancellationToken))
            .WithIdempotencyKey()
            .WithSummary("Adds points, or takes some; 429 where that is done too often.").ProducesProblem(400).ProducesProblem(429);
        score.MapDelete("", RemoveScoreAsync).WithSummary("Deletes the score.");
        score.MapPost("disqualify", DisqualifyAsync).WithSummary("Deletes the score of a cheat, who is off the board at once.")
            .ProducesProblem(504);
        endpoints.MapGet("/score/{game:long}", GetLeadersAsync).WithTags("Score")
            .WithSummary("The ten best of a game, a few seconds old at most.")
            .ProducesProblem(503);

        var views = endpoints.MapGroup("/views/{page}").WithTags("Views").ProducesProblem(503);
        views.MapGet("", GetViewsAsync).WithSummary("The acknowledged views of a page.");
        views.MapPost("", AddViewsAsync).WithIdempotencyKey().WithSummary("Counts views; answers with the count.").ProducesProblem(400);
    }

    private static IStockGrain Stock(IGrainFactory grains, string id) => grains.GetGrain<IStockGrain>(Key("stock", id));

    private static IScoreGrain Score(IGrainFactory grains, long game, string player)
        => grains.GetGrain<IScoreGrain>(game, Key("score", player));

    private static IViewsGrain Views(IGrainFactory grains, string page) => grains.GetGrain<IViewsGrain>(Key("views", page));

    // Orleans has no grain with a blank key, and would say so with an error that might as well be a fault of this service.
    private static string Key(string type, string id)
        => !string.IsNullOrWhiteSpace(id) ? id : throw new InvalidEntityIdException(type, id, "it must not be blank.");

    private static async Task<Results<Ok<StockLevel>, NotFound>> GetStockAsync(string id, IGrainFactory grains)
        => await Stock(grains, id).GetAsync() is { } found ? TypedResults.Ok(found) : TypedResults.NotFound();

    private static async Task<Results<Ok<Score>, NotFound>> GetScoreAsync(long game, string player, IGrainFactory grains)
        => await Score(grains, game, player).GetAsync() is { } found ? TypedResults.Ok(found) : TypedResults.NotFound();

    private static async Task<NoContent> RemoveScoreAsync(long game, string player, IGrainFactory grains)
    {
        await Score(grains, game, player).RemoveAsync();
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> DisqualifyAsync(long game, string player, IGrainFactory grains)
    {
        await Score(grains, game, player).DisqualifyAsync();
        return TypedResults.NoContent();
    }

    private static async Task<Ok<IReadOnlyList<LeaderboardEntry>>> GetLeadersAsync(
        long game, Leaderboard board, CancellationToken cancellationToken)
        => TypedResults.Ok(await board.GetAsync(game, cancellationToken));

    private static async Task<Results<Ok<Views>, NotFound>> GetViewsAsync(string page, IGrainFactory grains)
        => await Views(grains, page).GetAsync() is { } found ? TypedResults.Ok(found) : TypedResults.NotFound();

    private static async Task<Ok<long>> AddViewsAsync(
        string page, ViewsBody? body, IdempotencyKey? key, IGrainFactory grains, CancellationToken cancellationToken)
        => TypedResults.Ok(await CallAsync(Views(grains, page), key, grain => grain.AddAsync(body?.Count ?? 1), cancellationToken));

    /// <summary>Under a key the call is an operation: it counts once, and is repeated here while nobody answers.</summary>
    private static Task<TAnswer> CallAsync<TGrain, TAnswer>(
        TGrain grain, IdempotencyKey? key, Func<TGrain, Task<TAnswer>> call, CancellationToken cancellationToken)
        where TGrain : IGrain
        => key is null
            ? call(grain)
            : grain.CallAsync(
                key.Operation, call, new() { Request = key.Fingerprint, Deadline = RepeatedFor }, cancellationToken);
}
