using System.Globalization;
using WriteBehind.TestTools.Processes;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.TestTools;

/// <summary>A private <c>redis-server</c>.</summary>
public sealed class RedisServer : PrivateServer
{
    private readonly RedisServerOptions _options;

    private RedisServer(RedisServerOptions options)
        : base("redis-server", DataDirectory.Create("redis"), Posix.SigTerm, TimeSpan.FromSeconds(60))
        => _options = options;

    /// <summary>A StackExchange.Redis configuration string that allows admin commands.</summary>
    public string Configuration => ConfigurationFor(Port, _options.Timeout);

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<RedisServer> StartAsync(RedisServerOptions? options = null)
    {
        var server = new RedisServer(options ?? new RedisServerOptions());
        await server.StartOnFreePortAsync();
        return server;
    }

    /// <summary>The same with another port, for example that of a <see cref="TcpProxy"/> in front.</summary>
    /// <param name="port">The port.</param>
    /// <param name="timeout">How long a client waits for an answer; short (4 s) unless said otherwise, as what is behind a proxy is to
    /// fail.</param>
    public string ConfigurationFor(int port, TimeSpan? timeout = null)
    {
        var answer = (timeout ?? RedisServerOptions.ShortTimeout).TotalMilliseconds;
        var connect = Math.Max(1000, answer);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"127.0.0.1:{port},allowAdmin=true,connectTimeout={connect},syncTimeout={answer}")
            + (_options.Password is { } password ? $",password={password}" : "");
    }

    /// <summary>
    /// Kills it and starts it again without its data: a Redis that came back empty. (A cluster node forgets its cluster, too.)
    /// </summary>
    public async Task WipeAsync()
    {
        await KillAsync();
        foreach (var entry in new DirectoryInfo(Folder).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo directory)
            {
                directory.Delete(recursive: true);
            }
            else
            {
                entry.Delete();
            }
        }

        await LaunchAsync();
    }

    /// <summary>Restarts it with a copy of its data made in between, as a backup has them.</summary>
    public async Task<DirectoryInfo> CopyDataAsync()
    {
        var copy = new DirectoryInfo(DataDirectory.Create("redis-copy"));
        await KillAsync();
        Copy(Folder, copy.FullName);
        await LaunchAsync();
        return copy;
    }

    /// <summary>Restarts it with the data of a copy: a Redis that went back.</summary>
    public async Task RestoreDataAsync(DirectoryInfo copy)
    {
        await KillAsync();
        foreach (var entry in new DirectoryInfo(Folder).EnumerateDirectories())
        {
            entry.Delete(recursive: true);
        }

        Copy(copy.FullName, Folder);
        copy.Delete(recursive: true);
        await LaunchAsync();
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }

    /// <summary>
    /// Sends one command and gives its answer as text (null for nil), for set-ups and checks by hand. Not for commands that answer with
    /// lists.
    /// </summary>
    public async Task<string?> SendAsync(params string[] command)
    {
        using var connection = await RespConnection.OpenAsync(Port, _options.Password);
        return await connection.SendAsync(command);
    }

    /// <summary>Starts to record every command that any client sends.</summary>
    public Task<RedisMonitor> MonitorAsync() => RedisMonitor.StartAsync(Port, _options.Password);

    /// <summary>Sends a command that answers with a list of texts.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(params string[] command)
    {
        using var connection = await RespConnection.OpenAsync(Port, _options.Password);
        return await connection.SendForListAsync(command);
    }

    private protected override async Task<ServerProcess> StartProcessAsync()
    {
        if (!_options.HasFile)
        {
            return ServerProcess.Start("redis-server", Arguments(), Folder);
        }

        var file = Path.Combine(Folder, "redis.conf");
        if (!File.Exists(file))
        {
            await File.WriteAllLinesAsync(file, Lines(Arguments()));
        }

        return ServerProcess.Start("redis-server", [file], Folder);
    }

    /// <summary>An option and its values, up to the next option, are a line.</summary>
    private static string[] Lines(IEnumerable<string> arguments)
        => string.Join(' ', arguments.Select(static argument => argument.Length == 0 ? "\"\"" : argument))
            .Split("--", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private protected override async Task<bool> AnswersAsync() => await SendAsync("PING") == "PONG";

    private List<string> Arguments()
    {
        var port = Port.ToString(CultureInfo.InvariantCulture);
        List<string> arguments =
        [
            "--port", port, "--bind", "127.0.0.1", "--dir", Folder, "--save", "",
            "--appendonly", _options.AppendOnly ? "yes" : "no", "--appendfsync", _options.AppendFsync,
            "--maxmemory-policy", _options.MaxMemoryPolicy,
        ];
        if (_options.Password is { } password)
        {
            arguments.AddRange(["--requirepass", password, "--masterauth", password]);
        }

        if (_options.ClusterEnabled)
        {
            arguments.AddRange(["--cluster-enabled", "yes", "--cluster-node-timeout", "15000"]);
        }

        if (_options.ReplicaOf is { } master)
        {
            arguments.AddRange(["--replicaof", "127.0.0.1", master.ToString(CultureInfo.InvariantCulture)]);
        }

        arguments.AddRange(_options.ExtraArguments);
        return arguments;
    }
}
