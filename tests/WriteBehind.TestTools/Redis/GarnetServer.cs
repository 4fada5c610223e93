using System.Globalization;
using System.Reflection;
using WriteBehind.TestTools.Processes;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.TestTools;

/// <summary>A private Garnet: another server that speaks Redis' protocol.</summary>
public sealed class GarnetServer : PrivateServer
{
    private readonly string[] _options;

    private GarnetServer(string[] options)
        : base("garnet", DataDirectory.Create("garnet"), Posix.SigTerm, TimeSpan.FromSeconds(120))
        => _options = options;

    /// <summary>A StackExchange.Redis configuration string.</summary>
    public string Configuration => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port},connectTimeout=15000,syncTimeout=15000");

    /// <summary>Starts one and waits until it answers.</summary>
    /// <param name="options">Options of <c>garnet-server</c> beyond port, address, folder and sizes.</param>
    public static async Task<GarnetServer> StartAsync(params string[] options)
    {
        var server = new GarnetServer(options);
        await server.StartOnFreePortAsync();
        return server;
    }

    /// <summary>Sends one command and gives its answer as text (null for nil). Not for commands that answer with lists.</summary>
    public async Task<string?> SendAsync(params string[] command)
    {
        using var connection = await RespConnection.OpenAsync(Port);
        return await connection.SendAsync(command);
    }

    private protected override Task<ServerProcess> StartProcessAsync()
    {
        var program = typeof(GarnetServer).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(data => data.Key == "GarnetServer").Value!;
        string[] arguments =
        [
            program, "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--checkpointdir", Folder,
            "--memory", "64m", "--index", "8m",

            // Its own way to the disk needs a library that not every machine has.
            "--device-type", "RandomAccess",
            .. _options,
        ];
        return Task.FromResult(ServerProcess.Start("dotnet", arguments, Folder));
    }

    private protected override async Task<bool> AnswersAsync() => await SendAsync("PING") == "PONG";
}
