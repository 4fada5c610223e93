using System.Globalization;
using System.Reflection;
using System.Runtime;
using System.Runtime.InteropServices;
using Npgsql;
using StackExchange.Redis;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Reporting;

/// <summary>What was measured on.</summary>
/// <param name="Facts">Name and value, in order.</param>
public sealed record Machine(IReadOnlyDictionary<string, string> Facts)
{
    public static async Task<Machine> LookAsync(BenchmarkServers servers)
    {
        ArgumentNullException.ThrowIfNull(servers);
        return new Machine(new Dictionary<string, string>
        {
            ["measured"] = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture),
            ["processor"] = $"{Processor()}, {Environment.ProcessorCount} cores, shared with Redis and PostgreSQL",
            ["memory"] = $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GB",
            ["load before"] = LoadAverage(),
            ["system"] = RuntimeInformation.OSDescription,
            ["runtime"] = RuntimeInformation.FrameworkDescription
                + $", {(GCSettings.IsServerGC ? "server" : "workstation")} garbage collector",
            ["libraries"] = $"StackExchange.Redis {VersionOf(typeof(ConnectionMultiplexer))}, "
                + $"Npgsql {VersionOf(typeof(NpgsqlConnection))}, "
                + $"EF Core {VersionOf(typeof(Microsoft.EntityFrameworkCore.DbContext))}, Orleans {VersionOf(typeof(IGrain))}",
            ["Redis"] = await RedisAsync(servers),
            ["PostgreSQL"] = await PostgresAsync(servers),
        });
    }

    private static string Processor()
    {
        const string File = "/proc/cpuinfo";
        var line = System.IO.File.Exists(File)
            ? System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static string LoadAverage()
    {
        const string File = "/proc/loadavg";
        return System.IO.File.Exists(File) ? string.Join(' ', System.IO.File.ReadAllText(File).Split(' ').Take(3)) : "unknown";
    }

    private static string VersionOf(Type type)
        => type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0].Split(". ")[0]
            ?? "?";

    private static async Task<string> RedisAsync(BenchmarkServers servers)
    {
        using var redis = await servers.ConnectRedisAsync();
        var database = redis.GetDatabase();
        var info = (string?)await database.ExecuteAsync("INFO", "server") ?? "";
        var version = info.Split('\n').First(line => line.StartsWith("redis_version:", StringComparison.Ordinal)).Split(':')[1].Trim();
        List<string> settings = [];
        foreach (var name in new[] { "appendonly", "appendfsync", "auto-aof-rewrite-percentage", "maxmemory-policy", "io-threads" })
        {
            var pair = (RedisResult[])(await database.ExecuteAsync("CONFIG", "GET", name))!;
            settings.Add($"{name} {(pair.Length > 1 ? (string?)pair[1] : "?")}");
        }

        return $"{version}, {string.Join(", ", settings)}";
    }

    private static async Task<string> PostgresAsync(BenchmarkServers servers)
    {
        await using var source = NpgsqlDataSource.Create(servers.Postgres);
        List<string> settings = [];
        foreach (var name in new[] { "server_version", "fsync", "synchronous_commit", "shared_buffers", "wal_level", "max_wal_size" })
        {
            await using var show = source.CreateCommand($"SHOW {name}");
            var value = (string?)await show.ExecuteScalarAsync();
            settings.Add(name == "server_version" ? value!.Split(' ')[0] : $"{name} {value}");
        }

        return string.Join(", ", settings);
    }
}
