using System.Globalization;
using Chaos.Checks;
using Chaos.Histories;
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

    /// <summary>What a standby is called. A "*" would take a base backup that is under way for one.</summary>
    private const string StandbyName = "walreceiver";

    private readonly string _database;
    private readonly TcpProxy _direct;
    private readonly List<Loss> _losses = [];
    private PostgresServer? _standby;

    private Place(Topology topology, IReadOnlyList<RedisServer> redis, PostgresServer postgres, string database)
    {
        (Topology, RedisServers, Postgres, _database) = (topology, redis, postgres, database);
        PostgresLinks = [.. Enumerable.Range(0, Links).Select(_ => TcpProxy.Start(postgres.Port))];
        _direct = TcpProxy.Start(postgres.Port);

        // Past all faults of the network, and not held up by those of the server for long.
        Direct = new NpgsqlConnectionStringBuilder(PostgresServer.Through(database, _direct.Port))
        {
            Timeout = 2,
            CommandTimeout = 4,
            ApplicationName = "chaos",
            MaxPoolSize = 10,
        }.ConnectionString;
    }

    public Topology Topology { get; }

    /// <summary>All that there are.</summary>
    public IReadOnlyList<RedisServer> RedisServers { get; }

    /// <summary>The one that there is, if there is one.</summary>
    public RedisServer Redis => RedisServers[0];

    public RedisSentinel? Sentinel { get; private init; }

    /// <summary>The primary.</summary>
    public PostgresServer Postgres { get; private set; }

    /// <summary>None where clients are told the addresses of several Redis by these themselves.</summary>
    public IReadOnlyList<TcpProxy> RedisLinks { get; private init; } = [];

    public IReadOnlyList<TcpProxy> PostgresLinks { get; }

    public string Direct { get; }

    /// <summary>When Redis lost something.</summary>
    public Losses Losses => new(_losses);

    /// <summary>Who has it harms Redis.</summary>
    public SemaphoreSlim RedisTurn { get; } = new(1);

    /// <summary>Who has it harms PostgreSQL.</summary>
    public SemaphoreSlim PostgresTurn { get; } = new(1);

    /// <summary>How many replicas have to have a write before it is acknowledged.</summary>
    public int Replicas => Topology == Topology.Sentinel ? 1 : 0;

    /// <summary>Who has to have a commit before it is acknowledged, as PostgreSQL's setting says it.</summary>
    public string StandbyNames => Topology == Topology.Standby ? StandbyName : "";

    public static async Task<Place> StartAsync(Topology topology)
    {
        // Redis is killed, and all that it acknowledged counts.
        var options = new RedisServerOptions { AppendFsync = "always", HasFile = topology == Topology.Sentinel };
        IReadOnlyList<RedisServer> redis = topology == Topology.Cluster
            ? (await RedisCluster.StartAsync(options)).Nodes
            : [await RedisServer.StartAsync(options)];
        RedisSentinel? sentinel = null;
        if (topology == Topology.Sentinel)
        {
            sentinel = await RedisSentinel.StartAsync(redis[0]);
            redis = [redis[0], await RedisServer.StartAsync(options with { ReplicaOf = redis[0].Port })];
        }

        // PostgreSQL is killed, and the machine is not.
        var postgres = await PostgresServer.StartAsync(
            new() { Fsync = false, MaxConnections = 60, ExtraSettings = ["wal_retrieve_retry_interval=300", "wal_keep_size=512"] });
        var place = new Place(topology, redis, postgres, await postgres.CreateDatabaseAsync())
        {
            Sentinel = sentinel,
            RedisLinks = topology is Topology.Plain or Topology.Standby
                ? [.. Enumerable.Range(0, Links).Select(_ => TcpProxy.Start(redis[0].Port))]
                : [],
        };
        if (topology == Topology.Standby)
        {
            await place.ExecuteAsync($"ALTER SYSTEM SET synchronous_standby_names = '{StandbyName}'");
            await place.FollowAsync();
            await place.ExecuteAsync("SELECT pg_reload_conf()");
        }

        return place;
    }

    /// <summary>Kills the primary, has the standby take its place, and the addresses lead there.</summary>
    /// <exception cref="TimeoutException">The standby has not all yet: nobody would let it.</exception>
    public async Task PromoteAsync()
    {
        var standby = _standby ?? throw new InvalidOperationException("There is no standby.");
        var now = (await ReadAsync("SELECT pg_current_wal_lsn()::text", static row => row.GetString(0)))[0];
        await Eventually.TrueAsync(
            async () => (await ReadAsync(
                $"SELECT 1 FROM pg_stat_replication WHERE application_name = '{StandbyName}' AND sync_state = 'sync' " +
                $"AND flush_lsn >= '{now}'",
                static row => row.GetInt32(0))).Count > 0,
            TimeSpan.FromSeconds(5),
            "the standby has what the primary has");
        var before = Postgres;
        await before.KillAsync();
        await standby.PromoteAsync();
        (Postgres, _standby) = (standby, null);
        foreach (var link in PostgresLinks.Append(_direct))
        {
            link.Retarget(standby.Port);
        }

        await before.DisposeAsync();
    }

    /// <summary>Starts a standby that follows the primary; until it is there, commits wait.</summary>
    public async Task FollowAsync() => _standby ??= await Postgres.StartStandbyAsync();

    /// <summary>Has Redis lose something.</summary>
    /// <param name="fault">What happens.</param>
    /// <param name="since">From when on what was written may be lost.</param>
    /// <param name="lose">Does it; may be tried again.</param>
    public async Task LoseAsync(string fault, long since, Func<Task> lose)
    {
        var (began, beganAt) = (Clock.Now, DateTime.UtcNow);
        try
        {
            await lose();
        }
        finally
        {
            _losses.Add(new(fault, since, began, Clock.Now, beganAt, DateTime.UtcNow));
        }
    }

    /// <summary>Has PostgreSQL note each change of a row, in order.</summary>
    public async Task AuditAsync(IEnumerable<string> tables, string key)
    {
        await ExecuteAsync($"""
            CREATE TABLE IF NOT EXISTS audit (
                n bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL, id text NOT NULL, before bigint, after bigint,
                at timestamptz NOT NULL DEFAULT clock_timestamp(), kept boolean);
            CREATE OR REPLACE FUNCTION note_{key}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN INSERT INTO public.audit (what, id, after) VALUES (TG_TABLE_NAME, NEW.{key}, NEW.version);
                ELSIF TG_OP = 'UPDATE' THEN
                    INSERT INTO public.audit (what, id, before, after, kept) VALUES (
                        TG_TABLE_NAME, NEW.{key}, OLD.version, NEW.version,
                        starts_with(to_jsonb(NEW) ->> 'Items', to_jsonb(OLD) ->> 'Items'));
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
    {
        var servers = Sentinel is { } sentinel
            ? $"127.0.0.1:{sentinel.Port},serviceName={RedisSentinel.ServiceName}"
            : string.Join(',', (RedisLinks.Count > 0 ? [RedisLinks[worker].Port] : RedisServers.Select(static server => server.Port))
                .Select(static port => $"127.0.0.1:{port}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{servers},connectTimeout=3000,syncTimeout={RedisTimeout.TotalMilliseconds},connectRetry=1");
    }

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
        "SELECT what, id, before, after, at, kept FROM audit ORDER BY n",
        static row => new RowChange(
            row.GetString(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetInt64(2), row.IsDBNull(3) ? null : row.GetInt64(3),
            row.GetDateTime(4), row.IsDBNull(5) ? null : row.GetBoolean(5)));

    public async ValueTask DisposeAsync()
    {
        foreach (var link in RedisLinks.Concat(PostgresLinks).Append(_direct))
        {
            await link.DisposeAsync();
        }

        RedisTurn.Dispose();
        PostgresTurn.Dispose();
        await (Sentinel?.DisposeAsync() ?? ValueTask.CompletedTask);
        foreach (var redis in RedisServers)
        {
            await redis.DisposeAsync();
        }

        await (_standby?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Postgres.DisposeAsync();
    }
}
