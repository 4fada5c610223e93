using Embedded.Profiles;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using WriteBehind.EntityFrameworkCore;

namespace Embedded;

/// <summary>
/// Creates the database and the table where they are missing, and waits for a PostgreSQL that is still starting. A real service
/// would run migrations as a step of its deployment instead.
/// </summary>
internal sealed partial class ShopSchema(IDbContextFactory<ShopContext> contexts, TimeProvider clock, ILogger<ShopSchema> logger)
    : IHostedService
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        while (true)
        {
            try
            {
                await CreateAsync(cancellationToken);
                return;
            }
            catch (Exception e) when (IsTransient(e) && clock.GetElapsedTime(started) < Patience)
            {
                LogWaiting();
                await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellationToken);
            }
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // EF Core wraps some of them, advising a retrying execution strategy.
    private static bool IsTransient(Exception error)
        => error is NpgsqlException { IsTransient: true } || error.InnerException is NpgsqlException { IsTransient: true };

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var creator = context.GetService<IRelationalDatabaseCreator>();
        if (!await creator.ExistsAsync(cancellationToken))
        {
            await creator.CreateAsync(cancellationToken);
        }

        // EnsureCreated does nothing in a database that holds any table at all, and two starting services would get in each other's way.
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtext('shop.schema'))", cancellationToken);
        var present = await context.Database
            .SqlQuery<bool>($"SELECT to_regclass('shop.stock') IS NOT NULL AS \"Value\"")
            .SingleAsync(cancellationToken);
        if (!present)
        {
            await creator.CreateTablesAsync(cancellationToken);
        }

        await CreateProfilesAsync(context, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    // The table for databases from before there were profiles; and the triggers that tell the cache who changed one, whoever it was.
    private static async Task CreateProfilesAsync(ShopContext context, CancellationToken cancellationToken)
    {
        await context.Database.ExecuteSqlAsync(
            $"""
            CREATE TABLE IF NOT EXISTS shop.profiles (
                id text PRIMARY KEY, name text NOT NULL, city text NOT NULL, version bigint NOT NULL DEFAULT 0)
            """,
            cancellationToken);
        var told = await context.Database
            .SqlQuery<bool>(
                $"SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'shop.profiles'::regclass AND NOT tgisinternal) AS \"Value\"")
            .SingleAsync(cancellationToken);
        if (!told)
        {
            await context.Database.ExecuteSqlRawAsync(CacheInvalidationSql.Create<Profile>(context.Model, "profiles"), cancellationToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "PostgreSQL is not ready yet; trying again.")]
    private partial void LogWaiting();
}
