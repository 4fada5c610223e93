using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Servers;

/// <summary>A key prefix in Redis and a database in PostgreSQL.</summary>
/// <param name="servers">The servers.</param>
/// <param name="name">What both are called.</param>
public sealed class Workspace(BenchmarkServers servers, string name) : IAsyncDisposable
{
    public string Redis => servers.Redis;

    public string Prefix => name;

    public string Database { get; } = new NpgsqlConnectionStringBuilder(servers.Postgres) { Database = name }.ConnectionString;

    /// <summary>Options of a context on the database.</summary>
    public DbContextOptions<TContext> ContextOptions<TContext>()
        where TContext : DbContext
        => new DbContextOptionsBuilder<TContext>().UseNpgsql(Database).Options;

    public async Task CreateTablesAsync()
    {
        await using var context = new ShopContext(ContextOptions<ShopContext>());
        await context.Database.EnsureCreatedAsync();
        await ExecuteAsync(AdoNetTables.Create);
    }

    /// <summary>Runs a statement.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 300 };
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>
    /// Empties the table. The engine's fences go with it: a row that is gone while its fence says that it was saved is a lost row.
    /// </summary>
    public async Task EmptyTableAsync()
    {
        await ExecuteAsync("TRUNCATE products");
        await DeleteKeysAsync($"{name}:*:f:*");
        await ExecuteAsync("CHECKPOINT");
    }

    public async ValueTask DisposeAsync()
    {
        await DeleteKeysAsync($"{name}*");
        NpgsqlConnection.ClearAllPools();
        await using var source = NpgsqlDataSource.Create(servers.Postgres);
        await using var drop = source.CreateCommand($"DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        await drop.ExecuteNonQueryAsync();
    }

    private async Task DeleteKeysAsync(string pattern)
    {
        using var redis = await servers.ConnectRedisAsync();
        foreach (var server in redis.GetEndPoints().Select(endpoint => redis.GetServer(endpoint)))
        {
            foreach (var keys in server.Keys(pattern: pattern, pageSize: 5_000).Chunk(5_000))
            {
                await redis.GetDatabase().KeyDeleteAsync(keys);
            }
        }
    }
}
