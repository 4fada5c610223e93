using Microsoft.EntityFrameworkCore;
using Orleans.WriteBehind;
using Silo.Boards;
using Silo.Data;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace Silo.Hosting;

/// <summary>What is written behind, and how.</summary>
internal static class WriteBehindSetup
{
    public static void AddEntities(this ISiloBuilder silo, SiloSettings settings, IConfiguration configuration)
    {
        silo.Services.AddDbContextFactory<ServiceContext>(options => options.UseNpgsql(settings.Postgres));
        silo.Services.AddSingleton<Leaderboard>();
        silo.AddWriteBehind(
            engine => engine
                .Configure(options => configuration.GetSection("WriteBehind").Bind(options))
                .UseRedis(settings.Redis)
                .UseEntityFramework<ServiceContext>()
                .AddEntity<Stock>("stock", options => Configure(options, configuration))
                .AddEntity<PlayerScore>("score", options => Configure(options, configuration))
                .AddEntity<PageViews>("views", options => Configure(options, configuration))
                .AddRateLimit("score", limit => Configure(limit, configuration))
                .AddCache(Leaderboard.Cache, cache => Configure(cache, configuration)),
            options => configuration.GetSection("WriteBehind:Grains").Bind(options));
        silo.AddGrainRateLimits();                      // what [RateLimited] says; see IScoreGrain
    }

    // What all types have in common, then what is said of one of them. The lease is shorter than the library's: after a crash, what the
    // dead silo was flushing waits this long.
    private static void Configure(EntityTypeOptions options, IConfiguration configuration)
    {
        options.Lease = TimeSpan.FromSeconds(10);
        options.StatementTimeout = TimeSpan.FromSeconds(5);
        options.AfterFlush = AfterFlush.Keep;
        configuration.GetSection($"WriteBehind:Types:{options.Type}").Bind(options);
    }

    // A board is five seconds old at most, so that a game that everybody looks at is one query each five seconds; while PostgreSQL is away
    // it is shown a while longer.
    private static void Configure(CacheOptions options, IConfiguration configuration)
    {
        (options.Ttl, options.MaxStale, options.MaxConcurrentLoads) = (TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), 2);
        options.NegativeTtl = TimeSpan.Zero;            // there is always a board, if an empty one
        configuration.GetSection($"WriteBehind:Caches:{options.Name}").Bind(options);
    }

    // No player scores more often than this; a cheat's client, or one that repeats itself, is stopped before the grain.
    private static void Configure(LimitOptions options, IConfiguration configuration)
    {
        (options.Permits, options.Window) = (20, TimeSpan.FromSeconds(1));
        configuration.GetSection($"WriteBehind:Limits:{options.Name}").Bind(options);
    }
}
