using Npgsql;
using StackExchange.Redis;

namespace WriteBehind.Benchmarks.Servers;

/// <summary>The servers that all contenders share.</summary>
public sealed class BenchmarkServers(string redis, string postgres)
{
    private int _places;

    /// <summary>The StackExchange.Redis configuration.</summary>
    public string Redis => redis;

    /// <summary>The connection string of the database that fresh ones are created from.</summary>
    public string Postgres => postgres;

    /// <summary>A key prefix and a database with the table, both of their own and taken away at the end.</summary>
    public async Task<Workspace> OpenWorkspaceAsync()
    {
        var name = $"bench{Environment.ProcessId}-{Interlocked.Increment(ref _places)}";
        await using var source = NpgsqlDataSource.Create(postgres);
        await using var create = source.CreateCommand($"CREATE DATABASE \"{name}\"");
        await create.ExecuteNonQueryAsync();
        var workspace = new Workspace(this, name);
        await workspace.CreateTablesAsync();
        return workspace;
    }

    /// <summary>A connection that may ask for INFO and CONFIG.</summary>
    public Task<ConnectionMultiplexer> ConnectRedisAsync()
        => ConnectionMultiplexer.ConnectAsync(redis, static options => options.AllowAdmin = true);
}
