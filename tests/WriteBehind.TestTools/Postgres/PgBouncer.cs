using System.Globalization;
using Npgsql;
using WriteBehind.TestTools.Postgres;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools;

/// <summary>A private PgBouncer before a PostgreSQL. Every database of the server is reached through it under its own name.</summary>
public sealed class PgBouncer : PrivateServer
{
    private const string DebianPath = "/usr/sbin/pgbouncer";
    private readonly string _target;
    private readonly string[] _settings;

    private PgBouncer(string connectionString, string[] settings)
        : base("pgbouncer", DataDirectory.NewName("pgbouncer"), Posix.SigTerm, TimeSpan.FromSeconds(60))
        => (_target, _settings) = (connectionString, settings);

    /// <summary>How to reach the database that it was started for, through it.</summary>
    public string ConnectionString => PostgresServer.Through(_target, Port);

    /// <summary>Starts one and waits until it lets a statement through.</summary>
    /// <param name="connectionString">How to reach the database itself.</param>
    /// <param name="settings">
    /// Its settings, each as <c>name = value</c>; the pool mode is <c>transaction</c> unless one says otherwise.
    /// </param>
    public static async Task<PgBouncer> StartAsync(string connectionString, params string[] settings)
    {
        var pooler = new PgBouncer(connectionString, settings);
        await ToolRunner.RunAsync("mkdir", ["-m", "700", pooler.Folder], PostgresBinaries.User);
        await pooler.StartOnFreePortAsync();
        return pooler;
    }

    private protected override async Task<ServerProcess> StartProcessAsync()
    {
        var target = new NpgsqlConnectionStringBuilder(_target);
        var place = string.Create(
            CultureInfo.InvariantCulture, $"host=127.0.0.1 port={target.Port} user={target.Username} password={target.Password}");
        string[] lines =
        [
            "[databases]",
            $"{target.Database} = {place}",
            $"* = {place}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            string.Create(CultureInfo.InvariantCulture, $"listen_port = {Port}"),
            "unix_socket_dir =",
            "auth_type = any",
            "pool_mode = transaction",
            .. _settings,
        ];
        var file = Path.Combine(Folder, "pgbouncer.ini");
        await File.WriteAllLinesAsync(file, lines);

        // It refuses to run as root.
        return ServerProcess.Start(File.Exists(DebianPath) ? DebianPath : "pgbouncer", [file], Folder, PostgresBinaries.User);
    }

    private protected override async Task<bool> AnswersAsync()
    {
        var unpooled = new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString;
        await using var connection = new NpgsqlConnection(unpooled);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT 1", connection);
        await command.ExecuteNonQueryAsync();
        return true;
    }
}
