using Microsoft.EntityFrameworkCore;
using Silo.Data;
using WriteBehind.Caching;

namespace Silo.Boards;

/// <summary>
/// The best players of a game, as PostgreSQL has them: a question over many grains, which none of them could answer. Everybody who
/// looks at a game asks it, so it is cached: made once for all silos, however many look, and a few seconds old at most. That is also why
/// the table needs no index on the points, which each flush would have to keep up.
/// </summary>
internal sealed class Leaderboard([FromKeyedServices(Leaderboard.Cache)] ICache cache, IDbContextFactory<ServiceContext> contexts)
{
    /// <summary>The name of the cache.</summary>
    public const string Cache = "leaders";

    private const int Places = 10;

    /// <summary>The best of a game, the first one first; empty where nobody plays it.</summary>
    /// <exception cref="CacheLoadException">PostgreSQL is away, and there is no board that may still be shown.</exception>
    public async Task<IReadOnlyList<LeaderboardEntry>> GetAsync(long game, CancellationToken cancellationToken)
        => await cache.GetOrLoadAsync(Key(game), load => MakeAsync(game, load), cancellationToken: cancellationToken) ?? [];

    /// <summary>Has the board made anew for the next who looks at it, on any silo. Call it once PostgreSQL has the change.</summary>
    public Task ForgetAsync(long game) => cache.RemoveAsync(Key(game));

    private static string Key(long game) => FormattableString.Invariant($"{game}");

    private async Task<LeaderboardEntry[]?> MakeAsync(long game, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<PlayerScore>()
            .Where(score => EF.Property<long>(score, "Game") == game)
            .OrderByDescending(score => score.Points).ThenBy(score => EF.Property<string>(score, "Player"))
            .Select(score => new LeaderboardEntry(EF.Property<string>(score, "Player"), score.Points))
            .Take(Places)
            .ToArrayAsync(cancellationToken);
    }
}
