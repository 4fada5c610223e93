using System.Globalization;
using Silo.Testing;

namespace Cluster.Tests.Support;

/// <summary>One of the silos, through all its lives: its ports stay, as the address of a host does.</summary>
internal sealed class Member : IAsyncDisposable
{
    /// <summary>More than a drain takes on a busy machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ServiceServers _servers;
    private readonly Dictionary<string, string?> _settings;
    private readonly string _address;
    private readonly List<string> _log = [];
    private SiloProcess? _silo;
    private int _linesSeen;

    public Member(string name, ServiceServers servers, IReadOnlyDictionary<string, string?> settings, int siloPort, int gatewayPort)
    {
        Name = name;
        _servers = servers;
        _address = string.Create(CultureInfo.InvariantCulture, $"S127.0.0.1:{siloPort}:");
        _settings = new(settings)
        {
            ["WRITEBEHIND_SILO_PORT"] = siloPort.ToString(CultureInfo.InvariantCulture),
            ["WRITEBEHIND_GATEWAY_PORT"] = gatewayPort.ToString(CultureInfo.InvariantCulture),
        };
    }

    public string Name { get; }

    public bool IsUp => _silo is { Process.HasExited: false };

    /// <summary>Whether an address of the membership table is one of this silo's, of whichever life.</summary>
    public bool Owns(string address) => address.StartsWith(_address, StringComparison.Ordinal);

    /// <summary>Starts it; returns when it takes work.</summary>
    public async Task StartAsync()
    {
        await EndLifeAsync();
        _silo = await SiloProcess.StartAsync(_servers, _settings);
    }

    /// <summary>Asks it to stop (SIGTERM); returns its exit code and log when it has.</summary>
    public async Task<(int ExitCode, IReadOnlyList<string> Log)> StopAsync()
    {
        Silo.Process.Terminate();
        var code = await Silo.Process.WaitForExitAsync(Patience);
        return (code, Silo.Process.Output);
    }

    /// <summary>Kills it (SIGKILL); returns when it is gone.</summary>
    public Task KillAsync()
    {
        Silo.Process.Kill();
        return Silo.Process.WaitForExitAsync(Patience);
    }

    /// <summary>Stops it in its tracks (SIGSTOP).</summary>
    public void Freeze() => Silo.Process.Freeze();

    /// <summary>Lets it go on (SIGCONT).</summary>
    public void Thaw() => Silo.Process.Thaw();

    /// <summary>Waits until it has ended by itself; returns its exit code.</summary>
    public Task<int> WaitForEndAsync() => Silo.Process.WaitForExitAsync(Patience);

    /// <summary>The errors logged since the last call.</summary>
    public IReadOnlyList<LogEntry> TakeErrors()
    {
        var lines = Log();
        var found = lines.Skip(_linesSeen).Select(line => LogEntry.Find(Name, line)).OfType<LogEntry>().ToList();
        _linesSeen = lines.Count;
        return found;
    }

    /// <summary>The end of its log, for messages.</summary>
    public string LogTail(int lines) => $"{Name}:\n{string.Join('\n', Log().TakeLast(lines))}";

    public async ValueTask DisposeAsync() => await EndLifeAsync();

    private SiloProcess Silo => _silo ?? throw new InvalidOperationException($"{Name} was not started.");

    private List<string> Log() => _silo is null ? _log : [.. _log, .. _silo.Process.Output];

    private async Task EndLifeAsync()
    {
        if (_silo is { } silo)
        {
            await silo.DisposeAsync();
            _log.AddRange(silo.Process.Output);
            _silo = null;
        }
    }
}
