using Npgsql;
using WriteBehind.TestTools;
using Xunit;

namespace Silo.Testing;

/// <summary>A Redis and a database of one's own: what one cluster, or several lives of it, works on.</summary>
public sealed class ServiceServers : IAsyncLifetime
{
    private RedisServer? _redis;
    private PostgresServer? _postgres;
    private NpgsqlDataSource? _database;
    private PgBouncer? _pooler;

    /// <summary>The environment that names the servers.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    /// <summary>Whether PostgreSQL can be stopped without harm to other tests.</summary>
    public bool HasOwnPostgres { get; init; }

    /// <summary>Whether the service reaches PostgreSQL through a PgBouncer in transaction mode.</summary>
    public bool HasPooler { get; init; }

    /// <summary>How Redis is started.</summary>
    public RedisServerOptions RedisOptions { get; init; } = new();

    public RedisServer Redis => _redis ?? throw new InvalidOperationException("The servers are not up yet.");

    public PostgresServer Postgres => _postgres ?? throw new InvalidOperationException("This PostgreSQL is shared.");

    public async Task InitializeAsync()
    {
        _postgres = HasOwnPostgres ? await PostgresServer.StartAsync() : null;
        var postgres = _postgres is null ? await SharedServers.CreateDatabaseAsync() : await _postgres.CreateDatabaseAsync();
        _database = NpgsqlDataSource.Create(postgres);
        _redis = await RedisServer.StartAsync(RedisOptions);
        Environment["WRITEBEHIND_REDIS"] = _redis.Configuration;
        _pooler = HasPooler ? await PgBouncer.StartAsync(postgres) : null;
        Environment["WRITEBEHIND_POSTGRES"] = _pooler?.ConnectionString ?? postgres;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _database!.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<object?> QueryAsync(string sql)
    {
        await using var command = _database!.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Holds the locks of a statement until it is disposed.</summary>
    public async Task<IAsyncDisposable> LockAsync(string sql)
    {
        var connection = await _database!.OpenConnectionAsync();
        await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    public async Task DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        if (_pooler is not null)
        {
            await _pooler.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        if (_postgres is not null)
        {
            await _postgres.DisposeAsync();
        }
    }
}
