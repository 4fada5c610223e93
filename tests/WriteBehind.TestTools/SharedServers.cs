namespace WriteBehind.TestTools;

/// <summary>
/// One Redis and one PostgreSQL for all tests of a process, started at the first use and gone with the process. Tests keep apart
/// by fresh names and databases. A test that freezes, kills or reconfigures a server starts one of its own.
/// </summary>
public static class SharedServers
{
    // Nobody kills it or lets it hang, so it need not sync its file (a busy disk would make it stand still for seconds), and a test
    // that has to wait for it is no test that fails.
    private static readonly Lazy<Task<RedisServer>> LazyRedis = new(
        () => RedisServer.StartAsync(new() { AppendFsync = "no", Timeout = TimeSpan.FromSeconds(15) }));
    private static readonly Lazy<Task<PostgresServer>> LazyPostgres = new(
        () => PostgresServer.StartAsync(new() { Fsync = false, MaxConnections = 1000 }));
    private static readonly Lazy<Task<PostgresServer>> LazyPostgres18 = new(
        () => PostgresServer.StartAsync(new() { Fsync = false, MaxConnections = 1000, Release = PostgresRelease.Eighteen }));
    private static int _names;

    /// <summary>The shared Redis.</summary>
    public static Task<RedisServer> RedisAsync() => LazyRedis.Value;

    /// <summary>The shared PostgreSQL.</summary>
    public static Task<PostgresServer> PostgresAsync() => LazyPostgres.Value;

    /// <summary>An empty database on the shared PostgreSQL.</summary>
    /// <returns>How to reach it.</returns>
    public static async Task<string> CreateDatabaseAsync() => await (await PostgresAsync()).CreateDatabaseAsync();

    /// <summary>An empty database on the shared PostgreSQL of a release.</summary>
    /// <returns>How to reach it.</returns>
    public static async Task<string> CreateDatabaseAsync(PostgresRelease release)
        => release == PostgresRelease.Installed
            ? await CreateDatabaseAsync()
            : await (await LazyPostgres18.Value).CreateDatabaseAsync();

    /// <summary>A name that no other test of this process has: usable as key prefix, type name or id.</summary>
    public static string FreshName(string prefix = "t") => $"{prefix}{Interlocked.Increment(ref _names)}";
}
