using System.Globalization;
using Chaos.Checks;
using Npgsql;
using WriteBehind.TestTools;

namespace Chaos.Faults;

/// <summary>The servers of a run. Each worker reaches them over links of its own, on which the network can be bad for it alone.</summary>
internal sealed class Place : IAsyncDisposable
{
    /// <summary>Over how many links the processes reach them.</summary>
    public const int Links = 3;

    /// <summary>How long Redis is waited for; longer than a busy machine stands still as a rule.</summary>
    public static readonly TimeSpan RedisTimeout = TimeSpan.FromSeconds(1);

    private readonly string _database;

    private Place(RedisServer redis, PostgresServer postgres, string database)
    {
        (Redis, Postgres, _database) = (redis, postgres, database);
        RedisLinks = [.. Enumerable.Range(0, Links).Select(_ => TcpProxy.Start(redis.Port))];
        PostgresLinks = [.. Enumerable.Range(0, Links).Select(_ => TcpProxy.Start(postgres.Port))];

        // Past all faults of the network, and not held up by those of the server for long.
        Direct = new NpgsqlConnectionStringBuilder(database)
        {
            Timeout = 2,
            CommandTimeout = 4,
            ApplicationName = "chaos",
            MaxPoolSize = 10,
        }.ConnectionString;
    }

    public RedisServer Redis { get; }

    public PostgresServer Postgres { get; }

    public IReadOnlyList<TcpProxy> RedisLinks { get; }

    public IReadOnlyList<TcpProxy> PostgresLinks { get; }

    public string Direct { get; }

    public static async Task<Place> StartAsync()
    {
        // Redis is killed, and all that it acknowledged counts.
        var redis = await RedisServer.StartAsync(new() { AppendFsync = "always" });

        // PostgreSQL is killed, and the machine is not.
        var postgres = await PostgresServer.StartAsync(new() { Fsync = false, MaxConnections = 60 });
        return new(redis, postgres, await postgres.CreateDatabaseAsync());
    }

    /// <summary>Has PostgreSQL note each change of a row, in order.</summary>
    public async Task AuditAsync(IEnumerable<string> tables, string key)
    {
        await ExecuteAsync($"""
            CREATE TABLE IF NOT EXISTS audit (
                n bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL, id text NOT NULL, before bigint, after bigint);
            CREATE OR REPLACE FUNCTION note_{key}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN INSERT INTO public.audit (what, id, after) VALUES (TG_TABLE_NAME, NEW.{key}, NEW.version);
                ELSIF TG_OP = 'UPDATE' THEN
                    INSERT INTO public.audit (what, id, before, after) VALUES (TG_TABLE_NAME, NEW.{key}, OLD.version, NEW.version);
                ELSE INSERT INTO public.audit (what, id, before) VALUES (TG_TABLE_NAME, OLD.{key}, OLD.version);
                END IF;
                RETURN NULL;
            END $$;
            """);
        foreach (var table in tables)
        {
            await ExecuteAsync(
                $"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION note_{key}()");
        }
    }

    public string RedisOf(int worker)
        => string.Create(
            CultureInfo.InvariantCulture,
            $"127.0.0.1:{RedisLinks[worker].Port},connectTimeout=3000,syncTimeout={RedisTimeout.TotalMilliseconds},connectRetry=1");

    public string PostgresOf(int worker)
        => new NpgsqlConnectionStringBuilder(PostgresServer.Through(_database, PostgresLinks[worker].Port))
        {
            Timeout = 2,
            ApplicationName = NameOf(worker),
            MaxPoolSize = 20,
        }.ConnectionString;

    /// <summary>What PostgreSQL calls the connections of a process.</summary>
    public static string NameOf(int worker) => string.Create(CultureInfo.InvariantCulture, $"process-{worker}");

    /// <summary>Runs a statement, or several, on a connection of its own.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A connection that is nobody else's.</summary>
    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Direct) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public async Task<List<T>> ReadAsync<T>(string sql, Func<NpgsqlDataReader, T> read)
    {
        var found = new List<T>();
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 60 };
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            found.Add(read(reader));
        }

        return found;
    }

    public async Task<Dictionary<string, string>> RowsAsync(string table, string column)
        => (await ReadAsync($"SELECT id, {column}::text FROM {table}", static row => (row.GetString(0), row.GetString(1)))).ToDictionary();

    public Task<List<RowChange>> ChangesAsync() => ReadAsync(
        "SELECT what, id, before, after FROM audit ORDER BY n",
        static row => new RowChange(
            row.GetString(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetInt64(2), row.IsDBNull(3) ? null : row.GetInt64(3)));

    public async ValueTask DisposeAsync()
    {
        foreach (var link in RedisLinks.Concat(PostgresLinks))
        {
            await link.DisposeAsync();
        }

        await Redis.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
