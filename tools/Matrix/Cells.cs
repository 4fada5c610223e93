using System.Text.RegularExpressions;
using WriteBehind.TestTools;

namespace Matrix;

/// <summary>A combination of servers, and what is expected of it.</summary>
/// <param name="Name">What runs.</param>
/// <param name="Setting">What has to be set for it; empty for nothing.</param>
/// <param name="StartAsync">Starts the servers.</param>
/// <param name="Refused">A part of the sentence with which the start is refused; null where it works.</param>
internal sealed record Cell(string Name, string Setting, Func<Task<Place>> StartAsync, string? Refused = null);

/// <summary>The combinations.</summary>
internal static partial class Cells
{
    public static IReadOnlyList<Cell> All { get; } =
    [
        new("Redis 7.0 (Debian), PostgreSQL 15 (Debian)", "", () => OnRedisAsync(static () => RedisServer.StartAsync())),
        new(
            "Redis 7.0 with a replica under Sentinel, which fails over meanwhile",
            "`serviceName=` and `ReplicaAcknowledgements=1` (without it, what the old master acknowledges after the promotion is lost)",
            SentinelAsync),
        new("Redis 7.0, Cluster of three masters", "", ClusterAsync),
        new("Redis 7.0, a user with the documented rights alone", "`ACL SETUSER` as in operations.md", RightsAsync),
        new("Redis 7.0, TLS", "`ssl=true`", TlsAsync),
        new(
            "Garnet 2.2.8, set up to keep the promises",
            "`--lua --lua-transaction-mode --aof --aof-commit-wait --recover`",
            () => GarnetAsync("--lua", "--lua-transaction-mode", "--aof", "--aof-commit-wait", "--recover")),
        new("Garnet 2.2.8 with `--lua` alone", "", () => GarnetAsync("--lua"), Refused: "--lua-transaction-mode"),
        new("Garnet 2.2.8 as it comes", "", () => GarnetAsync(), Refused: "--lua --lua-transaction-mode"),
        new("Twemproxy (nutcracker 0.5)", "", TwemproxyAsync, Refused: "proxy"),
        new("PostgreSQL 18.4", "", static () => OnPostgresAsync(PostgresRelease.Eighteen)),
        new("PgBouncer 1.18, session mode, PostgreSQL 15", "", static () => PoolerAsync("pool_mode = session")),
        new("PgBouncer 1.18, transaction mode, PostgreSQL 15", "", static () => PoolerAsync("pool_mode = transaction")),
    ];

    private static async Task<Place> OnRedisAsync(Func<Task<RedisServer>> start)
    {
        var redis = await start();
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        return new(redis.Configuration, database, database, redis, postgres);
    }

    private static async Task<Place> OnPostgresAsync(PostgresRelease release)
    {
        var redis = await RedisServer.StartAsync();
        var (postgres, database) = await PostgresAsync(release);
        return new(redis.Configuration, database, database, redis, postgres);
    }

    private static async Task<(PostgresServer Server, string Database)> PostgresAsync(PostgresRelease release)
    {
        var server = await PostgresServer.StartAsync(new() { Release = release });
        return (server, await server.CreateDatabaseAsync());
    }

    private static async Task<Place> PoolerAsync(string mode)
    {
        var redis = await RedisServer.StartAsync();
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        var pooler = await PgBouncer.StartAsync(database, mode);
        return new(redis.Configuration, pooler.ConnectionString, database, redis, postgres, pooler);
    }

    private static async Task<Place> SentinelAsync()
    {
        var master = await RedisServer.StartAsync();
        var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });
        var sentinel = await RedisSentinel.StartAsync(master);
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        return new(sentinel.Configuration, database, database, master, replica, sentinel, postgres)
        {
            ReplicaAcknowledgements = 1,

            // It is accepted once the sentinel knows the replica, for which it asks every ten seconds.
            Disturb = async () =>
            {
                for (var tries = 0; tries < 100; tries++)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(300));
                    if (await sentinel.SendAsync("SENTINEL", "FAILOVER", RedisSentinel.ServiceName) == "OK")
                    {
                        return;
                    }
                }

                throw new InvalidOperationException("The sentinel did not fail over.");
            },
        };
    }

    private static async Task<Place> ClusterAsync()
    {
        var cluster = await RedisCluster.StartAsync();
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        return new(cluster.Configuration, database, database, cluster, postgres);
    }

    private static async Task<Place> RightsAsync()
    {
        var page = await File.ReadAllTextAsync(Path.Combine("docs", "operations.md"));
        string[] rights = [.. Rights().Match(page).Groups[1].Value
            .Replace(">…", ">matrix", StringComparison.Ordinal).Replace("~wb:*", "~m*", StringComparison.Ordinal).Split(' ')];
        var place = await OnRedisAsync(static () => RedisServer.StartAsync());
        await ((RedisServer)place.Servers[0]).SendAsync(["ACL", "SETUSER", .. rights]);
        var plain = place.Redis.Replace(",allowAdmin=true", "", StringComparison.Ordinal);
        return place with { Redis = $"{plain},user={rights[0]},password=matrix" };
    }

    private static async Task<Place> TlsAsync()
    {
        var redis = await TlsRedis.StartAsync();
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        return new(redis.Configuration, database, database, redis, postgres) { Trusted = redis.CertificateHash };
    }

    private static async Task<Place> GarnetAsync(params string[] options)
    {
        var garnet = await GarnetServer.StartAsync(options);
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        return new(garnet.Configuration, database, database, garnet, postgres);
    }

    private static async Task<Place> TwemproxyAsync()
    {
        RedisServer[] servers = [await RedisServer.StartAsync(), await RedisServer.StartAsync()];
        var proxy = await Nutcracker.StartAsync(servers);
        var (postgres, database) = await PostgresAsync(PostgresRelease.Installed);
        return new($"127.0.0.1:{proxy.Port},connectTimeout=4000", database, database, servers[0], servers[1], proxy, postgres);
    }

    [GeneratedRegex("^ACL SETUSER (.+)$", RegexOptions.Multiline)]
    private static partial Regex Rights();
}
