using Microsoft.EntityFrameworkCore;
using Silo.Boards;
using Silo.Data;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace Silo.Hosting;

/// <summary>What is written behind, and how.</summary>
internal static class WriteBehindSetup
{
    public static void AddEntities(this ISiloBuilder silo, SiloSettings settings)
    {
        silo.Services.AddDbContextFactory<ServiceContext>(options => options.UseNpgsql(settings.Postgres));
        silo.Services.AddSingleton<Leaderboard>();
        silo.AddWriteBehind(
            engine => engine
                .BindConfiguration()
                .UseRedis(settings.Redis)
                .UseEntityFramework<ServiceContext>()
                .AddEntity<Stock>("stock", Configure)
                .AddEntity<PlayerScore>("score", Configure)
                .AddEntity<PageViews>("views", Configure)
                .AddRateLimit("score", Configure)
                .AddCache(Leaderboard.Cache, Configure));
        silo.AddGrainRateLimits();                      // what [RateLimited] says; see IScoreGrain
    }

    // What all types have in common; the configuration (WriteBehind:Types:…) may say something else of one of them. The lease is shorter
    // than the library's: after a crash, what the dead silo was flushing waits this long.
    private static void Configure(EntityTypeOptions options)
    {
        options.Lease = TimeSpan.FromSeconds(10);
        options.StatementTimeout = TimeSpan.FromSeconds(5);
        options.AfterFlush = AfterFlush.Keep;
    }

    // A board is five seconds old at most, so that a game that everybody looks at is one query each five seconds; while PostgreSQL is away
    // it is shown a while longer.
    private static void Configure(CacheOptions options)
    {
        (options.Ttl, options.MaxStale, options.MaxConcurrentLoads) = (TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), 2);
        options.NegativeTtl = TimeSpan.Zero;            // there is always a board, if an empty one
    }

    // No player scores more often than this; a cheat's client, or one that repeats itself, is stopped before the grain.
    private static void Configure(LimitOptions options)
    {
        (options.Permits, options.Window) = (20, TimeSpan.FromSeconds(1));
    }
}
