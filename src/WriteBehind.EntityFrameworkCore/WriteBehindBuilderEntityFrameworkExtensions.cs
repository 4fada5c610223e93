using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.Common;
using WriteBehind.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Sink;
using WriteBehind.EntityFrameworkCore.Sql;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Saves to PostgreSQL over an EF Core model.</summary>
public static class WriteBehindBuilderEntityFrameworkExtensions
{
    /// <summary>
    /// Saves to and loads from PostgreSQL as the model of <typeparamref name="TContext"/> says. The context may be registered with
    /// <c>AddDbContext</c>, <c>AddDbContextPool</c> or either of the factories; each operation takes one from a scope of its own
    /// and uses its connection.
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder UseEntityFramework<TContext>(
        this WriteBehindBuilder builder, Action<EntityFrameworkSinkOptions>? configure = null)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddOptions<EntityFrameworkSinkOptions>().Configure(configure ?? (static _ => { }));
        return builder.UseSink<EntityFrameworkSinkFactory<TContext>>();
    }
}

/// <summary>Invalidates caches by what PostgreSQL tells.</summary>
public static class WriteBehindBuilderCacheInvalidationExtensions
{
    /// <summary>
    /// Listens to what the triggers of <see cref="CacheInvalidationSql"/> tell (LISTEN/NOTIFY), and removes the entries of rows that
    /// changed. Of all processes one listens, with one connection; where it dies another takes over within about 20 s. After every gap the
    /// cache is emptied, since nobody knows what was missed: when somebody begins to listen, and when a connection was lost.
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="cache">The name of the cache, of either kind.</param>
    /// <remarks>
    /// A pooler in transaction mode (PgBouncer) does not pass notifications on; the context needs a connection past it. That is found out,
    /// and said in a warning, in the status and in health (as a loop that fails); the cache is then emptied every 30 s, so that nothing in
    /// it is out of date for longer.
    /// </remarks>
    public static WriteBehindBuilder AddPostgresInvalidation<TContext>(this WriteBehindBuilder builder, string cache)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IHostedService>(services => new PostgresInvalidation(
            services.GetKeyedService<ICacheInvalidator>(cache) ?? throw new ConfigurationException(
                nameof(AddPostgresInvalidation), $"There is no cache '{cache}': register it with AddCache or AddReadThroughCache.", cache),
            new ContextSource<TContext>(services.GetRequiredService<IServiceScopeFactory>()),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILoggerFactory>().CreateLogger(LogCategories.PostgresInvalidation))
        {
            Loops = services.GetRequiredService<OtherLoops>(),
        });
        return builder;
    }
}
