using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Silo.Data;

/// <summary>
/// Creates the tables where they are missing, and waits for a PostgreSQL that is still starting. A service with a history would run
/// migrations as a step of its deployment instead, and switch this off (<c>CreateSchema</c>).
/// </summary>
internal sealed partial class Schema(IDbContextFactory<ServiceContext> contexts, TimeProvider time, ILogger<Schema> logger) : IHostedService
{
    // One silo at a time: CREATE … IF NOT EXISTS alone does not keep two that run at once from getting in each other's way.
    private static readonly string Tables = """
        SELECT pg_advisory_xact_lock(hashtext('shop.schema'));
        CREATE SCHEMA IF NOT EXISTS shop;
        CREATE TABLE IF NOT EXISTS shop.stock (
            id text PRIMARY KEY, quantity bigint NOT NULL, movements bigint NOT NULL, version bigint NOT NULL DEFAULT 0);
        CREATE TABLE IF NOT EXISTS shop.score (
            game bigint NOT NULL, player text NOT NULL, points bigint NOT NULL, best bigint NOT NULL, version bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (game, player));
        CREATE TABLE IF NOT EXISTS shop.views (
            page text PRIMARY KEY, count bigint NOT NULL, version bigint NOT NULL DEFAULT 0);
        """ + WriteBehindDocumentsExtensions.CreateTableSql(schema: "shop");

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                await CreateAsync(cancellationToken);
                return;
            }
            catch (Exception e) when (IsTransient(e) && time.GetElapsedTime(started) < Patience)
            {
                LogWaiting();
                await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken);
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
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        await context.Database.ExecuteSqlRawAsync(Tables, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "PostgreSQL is not ready yet; trying again.")]
    private partial void LogWaiting();
}
