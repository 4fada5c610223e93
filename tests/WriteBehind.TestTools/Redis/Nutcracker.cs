using System.Globalization;
using WriteBehind.TestTools.Processes;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.TestTools;

/// <summary>
/// A private nutcracker (Twemproxy): a proxy that spreads keys over several Redis servers and sends a script where its first key is.
/// </summary>
public sealed class Nutcracker : PrivateServer
{
    private const string DebianPath = "/usr/sbin/nutcracker";
    private readonly string[] _lines;
    private readonly int _statistics = FreePort.Next();

    private Nutcracker(IEnumerable<RedisServer> servers, string[] settings)
        : base("nutcracker", DataDirectory.Create("nutcracker"), Posix.SigTerm, TimeSpan.FromSeconds(60))
        => _lines =
        [
            .. settings.Select(static setting => $"  {setting}"),
            "  redis: true",
            "  hash: fnv1a_64",
            "  distribution: modula",
            "  servers:",
            .. servers.Select(static server => string.Create(CultureInfo.InvariantCulture, $"    - 127.0.0.1:{server.Port}:1")),
        ];

    /// <summary>Starts one and waits until it answers.</summary>
    /// <param name="servers">Where the keys are.</param>
    /// <param name="settings">Further settings of the pool, each as <c>name: value</c>.</param>
    public static async Task<Nutcracker> StartAsync(IEnumerable<RedisServer> servers, params string[] settings)
    {
        var proxy = new Nutcracker(servers, settings);
        await proxy.StartOnFreePortAsync();
        return proxy;
    }

    private protected override async Task<ServerProcess> StartProcessAsync()
    {
        var file = Path.Combine(Folder, "nutcracker.yml");
        var listen = string.Create(CultureInfo.InvariantCulture, $"  listen: 127.0.0.1:{Port}");
        await File.WriteAllLinesAsync(file, ["pool:", listen, .. _lines]);
        string[] arguments = ["-c", file, "-a", "127.0.0.1", "-s", _statistics.ToString(CultureInfo.InvariantCulture)];
        return ServerProcess.Start(File.Exists(DebianPath) ? DebianPath : "nutcracker", arguments, Folder);
    }

    private protected override async Task<bool> AnswersAsync()
    {
        using var connection = await RespConnection.OpenAsync(Port);
        return await connection.SendAsync(["PING"]) == "PONG";
    }
}
