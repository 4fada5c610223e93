using System.CommandLine;
using Proof;
using Silo.Contracts;

namespace Client.Commands;

/// <summary><c>stock</c>, <c>score</c> and <c>views</c>: look at an entity, change it.</summary>
internal static class EntityCommands
{
    private static readonly Argument<string> Product = new("product");
    private static readonly Argument<long> Quantity = new("quantity") { Description = "Pieces; above 0." };
    private static readonly Argument<long> Amount = new("amount") { Description = "Pieces; negative ones leave the shop." };
    private static readonly Argument<long> Game = new("game") { Description = "The game's number." };
    private static readonly Argument<string> Player = new("player");
    private static readonly Argument<long> Points = new("points") { Description = "Points; negative ones are taken away." };
    private static readonly Argument<string> Page = new("page");
    private static readonly Argument<long> Count = new("count") { Description = "How many; default 1.", DefaultValueFactory = _ => 1 };

    public static IEnumerable<Command> All() => [Stock(), Score(), Views()];

    private static Command Stock() => new("stock", "The stock of a product.")
    {
        ClusterCommands.Make(new("get", "Shows it.") { Product }, async call => Show(call, await StockOf(call).GetAsync(), Text)),
        Change(
            "reserve",
            "Takes pieces that are promised to somebody; fails where there are fewer.",
            (grain, quantity) => grain.ReserveAsync(quantity)),
        Change("order", "Takes pieces for an order; returns once PostgreSQL has it.", (grain, quantity) => grain.OrderAsync(quantity)),
        Change("release", "Puts reserved pieces back.", (grain, quantity) => grain.ReleaseAsync(quantity)),
        Change("restock", "Adds pieces that were delivered.", (grain, quantity) => grain.RestockAsync(quantity)),
        ClusterCommands.Make(
            new("book", "Books a movement that has taken place, whatever there is.") { Product, Amount },
            async call => Show(call, await StockOf(call).BookAsync(call.Arguments.GetValue(Amount)), Text)),
    };

    private static Command Change(string name, string description, Func<IStockGrain, long, Task<StockLevel>> change)
        => ClusterCommands.Make(
            new(name, description) { Product, Quantity },
            async call => Show(call, await change(StockOf(call), call.Arguments.GetValue(Quantity)), Text));

    private static Command Score() => new("score", "The score of a player in a game.")
    {
        ClusterCommands.Make(new("get", "Shows it.") { Game, Player }, async call => Show(call, await ScoreOf(call).GetAsync(), Text)),
        ClusterCommands.Make(
            new("add", "Adds points.") { Game, Player, Points },
            async call => Show(call, await ScoreOf(call).AddAsync(call.Arguments.GetValue(Points)), Text)),
        ClusterCommands.Make(new("remove", "Deletes it.") { Game, Player }, async call =>
        {
            await ScoreOf(call).RemoveAsync();
            return call.Done(new { removed = true }, printer => printer.Line("Removed."));
        }),
        ClusterCommands.Make(new("disqualify", "Deletes it, also in PostgreSQL and on the game's board.") { Game, Player }, async call =>
        {
            await ScoreOf(call).DisqualifyAsync();
            return call.Done(new { disqualified = true }, printer => printer.Line("Disqualified."));
        }),
    };

    private static Command Views() => new("views", "The views of a page.")
    {
        ClusterCommands.Make(new("get", "Shows the acknowledged count.") { Page }, async call => Show(
            call, await ViewsOf(call).GetAsync(), views => $"{views.Count} views (version {views.Version})")),
        ClusterCommands.Make(new("peek", "Shows the count with views that Redis has not acknowledged yet.") { Page }, async call =>
        {
            var count = await ViewsOf(call).PeekAsync();
            return call.Done(new { count }, printer => printer.Line($"{count} views"));
        }),
        ClusterCommands.Make(new("add", "Counts views.") { Page, Count }, async call =>
        {
            var count = await ViewsOf(call).AddAsync(call.Arguments.GetValue(Count));
            return call.Done(new { count }, printer => printer.Line($"{count} views"));
        }),
    };

    private static IStockGrain StockOf(Call call) => call.Grains.GetGrain<IStockGrain>(call.Arguments.GetValue(Product)!);

    private static IScoreGrain ScoreOf(Call call)
        => call.Grains.GetGrain<IScoreGrain>(call.Arguments.GetValue(Game), call.Arguments.GetValue(Player)!);

    private static IViewsGrain ViewsOf(Call call) => call.Grains.GetGrain<IViewsGrain>(call.Arguments.GetValue(Page)!);

    private static string Text(StockLevel stock) => $"{stock.Quantity} pieces after {stock.Movements} movements (version {stock.Version})";

    private static string Text(Score score) => $"{score.Points} points, {score.Best} at best (version {score.Version})";

    private static int Show<T>(Call call, T? found, Func<T, string> text)
        where T : class
    {
        call.Printer.Show(found, printer => printer.Line(found is null ? "There is none." : text(found)));
        return found is null ? ExitCode.Failed : ExitCode.Verified;
    }
}
