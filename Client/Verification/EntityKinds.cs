using System.Globalization;
using Silo.Contracts;
using WriteBehind;

namespace Client.Verification;

/// <summary>The service's entity types.</summary>
internal static class EntityKinds
{
    public static EntityKind Stock { get; } = new(
        "stock",
        "SELECT id, quantity, movements, version FROM shop.stock",
        "id = $1",
        id => [id],
        row => row.GetString(0),
        ["quantity", "movements"],
        async (grains, id) => await grains.GetGrain<IStockGrain>(id).GetAsync() is { } found
            ? State(found.Version, ("quantity", found.Quantity), ("movements", found.Movements))
            : null);

    public static EntityKind Score { get; } = new(
        "score",
        "SELECT game, player, points, best, version FROM shop.score",
        "game = $1 AND player = $2",
        id => EntityId.Split(id) is [var game, var player] ? [long.Parse(game, CultureInfo.InvariantCulture), player] : [],
        row => EntityId.Compose(row.GetInt64(0).ToString(CultureInfo.InvariantCulture), row.GetString(1)),
        ["points", "best"],
        async (grains, id) => EntityId.Split(id) is [var game, var player]
            && await grains.GetGrain<IScoreGrain>(long.Parse(game, CultureInfo.InvariantCulture), player).GetAsync() is { } found
                ? State(found.Version, ("points", found.Points), ("best", found.Best))
                : null);

    public static EntityKind Views { get; } = new(
        "views",
        "SELECT page, count, version FROM shop.views",
        "page = $1",
        id => [id],
        row => row.GetString(0),
        ["count"],
        async (grains, id)
            => await grains.GetGrain<IViewsGrain>(id).GetAsync() is { } found ? State(found.Version, ("count", found.Count)) : null);

    public static IReadOnlyList<EntityKind> All { get; } = [Stock, Score, Views];

    public static StoredState State(long version, params IEnumerable<(string Name, long Value)> values)
        => new(
            version, string.Join(", ", values.Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Name} {value.Value}"))));
}
