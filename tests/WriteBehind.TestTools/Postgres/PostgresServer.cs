using System.Globalization;
using Npgsql;
using WriteBehind.TestTools.Postgres;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools;

/// <summary>A private PostgreSQL. Tests share one server and take a database each.</summary>
public sealed class PostgresServer : PrivateServer
{
    private readonly PostgresServerOptions _options;
    private int _databases;

    private PostgresServer(PostgresServerOptions options)
        : base("postgres", DataDirectory.NewName("postgres"), Posix.SigInt, TimeSpan.FromSeconds(60))
        => _options = options;

    /// <summary>How to reach its own database, as a superuser.</summary>
    public string ConnectionString => ConnectionStringFor("postgres");

    private string DataPath => Path.Combine(Folder, "data");

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<PostgresServer> StartAsync(PostgresServerOptions? options = null)
    {
        var server = new PostgresServer(options ?? new PostgresServerOptions());
        await ToolRunner.RunAsync("mkdir", ["-m", "700", server.Folder], PostgresBinaries.User);
        await PostgresTemplate.CopyToAsync(server.DataPath, server._options.Release);
        await server.StartOnFreePortAsync();
        return server;
    }

    /// <summary>Starts a standby that follows this server by streaming replication.</summary>
    public async Task<PostgresServer> StartStandbyAsync()
    {
        var standby = new PostgresServer(_options);
        await ToolRunner.RunAsync("mkdir", ["-m", "700", standby.Folder], PostgresBinaries.User);
        var here = string.Create(
            CultureInfo.InvariantCulture,
            $"host=127.0.0.1 port={Port} user={PostgresTemplate.UserName} password={PostgresTemplate.Password}");
        await ToolRunner.RunAsync(
            await PostgresBinaries.PathOfAsync("pg_basebackup", _options.Release),
            ["-D", standby.DataPath, "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d", here],
            PostgresBinaries.User);
        await standby.StartOnFreePortAsync();
        return standby;
    }

    /// <summary>Makes a standby a primary.</summary>
    public Task PromoteAsync() => ExecuteAsync("SELECT pg_promote()");

    /// <summary>Creates an empty database.</summary>
    /// <returns>How to reach it.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}");
        await ExecuteAsync($"CREATE DATABASE {name}");
        return ConnectionStringFor(name);
    }

    /// <summary>The same database through another port, for example that of a <see cref="TcpProxy"/> in front.</summary>
    public static string Through(string connectionString, int port)
        => new NpgsqlConnectionStringBuilder(connectionString) { Port = port }.ConnectionString;

    private protected override async Task<ServerProcess> StartProcessAsync()
    {
        string[] settings =
        [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            $"max_connections={_options.MaxConnections}",
            $"fsync={(_options.Fsync ? "on" : "off")}",
            "TimeZone=UTC",

            // In its own folder, so that a killed server leaves nothing behind.
            "dynamic_shared_memory_type=mmap",
            .. _options.ExtraSettings,
        ];
        string[] arguments =
        [
            "-D", DataPath, "-p", Port.ToString(CultureInfo.InvariantCulture),
            .. settings.SelectMany(static setting => new[] { "-c", setting }),
        ];
        var program = await PostgresBinaries.PathOfAsync("postgres", _options.Release);
        return ServerProcess.Start(program, arguments, Folder, PostgresBinaries.User);
    }

    private protected override async Task<bool> AnswersAsync()
    {
        await ExecuteAsync("SELECT 1");
        return true;
    }

    private async Task ExecuteAsync(string sql)
    {
        var unpooled = new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString;
        await using var connection = new NpgsqlConnection(unpooled);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private string ConnectionStringFor(string database)
        => string.Create(
            CultureInfo.InvariantCulture,
            $"Host=127.0.0.1;Port={Port};Database={database};Username={PostgresTemplate.UserName};Password={PostgresTemplate.Password}");

    /// <summary>A killed server leaves its lock segment to the machine; line 7 of its pid file names it: key and id.</summary>
    private protected override void OnKilled()
    {
        var pidFile = Path.Combine(DataPath, "postmaster.pid");
        var line = File.Exists(pidFile) ? File.ReadLines(pidFile).ElementAtOrDefault(6) : null;
        if (line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var id])
        {
            Posix.RemoveSharedMemory(int.Parse(id, CultureInfo.InvariantCulture));
        }
    }
}
