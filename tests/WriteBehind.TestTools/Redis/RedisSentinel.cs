using System.Globalization;
using WriteBehind.TestTools.Processes;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.TestTools;

/// <summary>A private Redis Sentinel, alone, so that its own word is enough for a fail-over.</summary>
public sealed class RedisSentinel : PrivateServer
{
    /// <summary>What it calls the master that it watches.</summary>
    public const string ServiceName = "shop";

    private readonly RedisServer _master;

    private RedisSentinel(RedisServer master)
        : base("redis-sentinel", DataDirectory.Create("sentinel"), Posix.SigTerm, TimeSpan.FromSeconds(60))
        => _master = master;

    /// <summary>A StackExchange.Redis configuration string, by which the client asks it for the master.</summary>
    public string Configuration
        => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port},serviceName={ServiceName},connectTimeout=8000,syncTimeout=8000");

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<RedisSentinel> StartAsync(RedisServer master)
    {
        var sentinel = new RedisSentinel(master);
        await sentinel.StartOnFreePortAsync();
        return sentinel;
    }

    /// <summary>Sends one command and gives its answer as text. Not for commands that answer with lists.</summary>
    public async Task<string?> SendAsync(params string[] command)
    {
        using var connection = await RespConnection.OpenAsync(Port);
        return await connection.SendAsync(command);
    }

    private protected override async Task<ServerProcess> StartProcessAsync()
    {
        // It writes what it finds out into its configuration.
        var file = Path.Combine(Folder, "sentinel.conf");
        await File.WriteAllLinesAsync(
            file,
            [
                string.Create(CultureInfo.InvariantCulture, $"port {Port}"),
                "bind 127.0.0.1",
                $"dir {Folder}",
                string.Create(CultureInfo.InvariantCulture, $"sentinel monitor {ServiceName} 127.0.0.1 {_master.Port} 1"),
                $"sentinel down-after-milliseconds {ServiceName} 3000",
                $"sentinel failover-timeout {ServiceName} 20000",
            ]);
        return ServerProcess.Start("redis-server", [file, "--sentinel"], Folder);
    }

    private protected override async Task<bool> AnswersAsync() => await SendAsync("PING") == "PONG";
}
