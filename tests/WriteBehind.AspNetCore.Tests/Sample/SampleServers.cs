using System.Globalization;
using Npgsql;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

/// <summary>A Redis of its own and an empty database: what one sample service, or several lives of it, works on.</summary>
public sealed class SampleServers : IAsyncLifetime
{
    private RedisServer? _redis;
    private NpgsqlDataSource? _database;

    /// <summary>The environment that names the servers.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    public async Task InitializeAsync()
    {
        var postgres = await SharedServers.CreateDatabaseAsync();
        _database = NpgsqlDataSource.Create(postgres);
        _redis = await RedisServer.StartAsync();
        Environment["WRITEBEHIND_REDIS"] = _redis.Configuration;
        Environment["WRITEBEHIND_POSTGRES"] = postgres;
    }

    public async Task<(long Quantity, long Movements)?> ReadRowAsync(string id)
    {
        await using var command = Database.CreateCommand("SELECT quantity, movements FROM shop.stock WHERE id = $1");
        command.Parameters.AddWithValue(id);
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? (reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    /// <summary>How many entities are dirty in Redis.</summary>
    public async Task<long> CountDirtyAsync()
    {
        const string Script =
            "local n = 0 for _, key in ipairs(redis.call('KEYS', 'wb:*:dirty')) do n = n + redis.call('ZCARD', key) end return tostring(n)";
        return long.Parse(await Redis.SendAsync("EVAL", Script, "0") ?? "", CultureInfo.InvariantCulture);
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    private RedisServer Redis => _redis ?? throw new InvalidOperationException("The servers are not up yet.");

    private NpgsqlDataSource Database => _database ?? throw new InvalidOperationException("The servers are not up yet.");
}
