using System.Diagnostics;
using System.Globalization;
using System.Net;
using Chaos.Checks;
using Chaos.Faults;
using WriteBehind.TestTools;
using WriteBehind.TestTools.Processes;

namespace Chaos.Silos;

/// <summary>One of the silos, through all its lives: its ports stay, as the address of a host does.</summary>
internal sealed class SiloProcess : IVictim
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(120);

    /// <summary>A silo that the others took for dead ends as soon as it learns of it.</summary>
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(8);

    private static readonly Dictionary<string, string?> Settings = ShortTerms.With(new Dictionary<string, string?>
    {
        ["WRITEBEHIND_ADDRESS"] = "127.0.0.1",
        ["WriteBehind__DrainTimeout"] = "00:00:10",
        ["WriteBehind__Types__stock__FlushDelay"] = "00:00:00.200",
        ["WriteBehind__Types__stock__Lease"] = "00:00:02",
        ["WriteBehind__Types__stock__FenceTime"] = "00:00:03",
        ["WriteBehind__Types__views__FlushDelay"] = "00:00:00.200",
        ["WriteBehind__Types__views__Lease"] = "00:00:02",
        ["WriteBehind__Types__views__FenceTime"] = "00:00:03",
        ["DOTNET_TieredPGO"] = "0",
    });

    private readonly string _program;
    private readonly Dictionary<string, string?> _settings;
    private readonly List<ProcessStop> _stops = [];
    private readonly List<string> _log = [];
    private readonly int _port = FreePort.Next();
    private readonly int _gatewayPort = FreePort.Next();
    private ChildProcess? _process;

    public SiloProcess(string program, Place place, int number)
    {
        (_program, Name) = (program, $"silo-{number}");
        _settings = new(Settings)
        {
            ["WRITEBEHIND_REDIS"] = place.RedisOf(number),
            ["WRITEBEHIND_POSTGRES"] = place.PostgresOf(number),
            ["WRITEBEHIND_SILO_PORT"] = FreePort.Next().ToString(CultureInfo.InvariantCulture),
            ["WRITEBEHIND_GATEWAY_PORT"] = _gatewayPort.ToString(CultureInfo.InvariantCulture),
        };
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}"), Timeout = TimeSpan.FromSeconds(5) };
    }

    public string Name { get; }

    public HttpClient Http { get; }

    /// <summary>Where clients of the cluster come in.</summary>
    public int GatewayPort => _gatewayPort;

    public int? Id => _process is { HasExited: false } process ? process.Id : null;

    public IReadOnlyList<ProcessStop> Stops => _stops;

    public IReadOnlyList<string> Log => [.. _log, .. _process?.Output ?? [], .. _process?.Errors ?? []];

    /// <summary>Starts it, however often that takes: a start may fail while Redis or PostgreSQL is away.</summary>
    public async Task StartAsync()
    {
        var began = Stopwatch.GetTimestamp();
        do
        {
            await ForgetAsync();
            var process = _process = ChildProcess.Start(
                "dotnet", [_program, "--urls", $"http://127.0.0.1:{_port}"], _settings, Path.GetDirectoryName(_program));
            await Eventually.TrueAsync(async () => process.HasExited || await IsReadyAsync(), StartTime, $"{Name} takes work");
        }
        while (Id is null && Stopwatch.GetElapsedTime(began) < StartTime);
    }

    public async Task KillAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync(StopTime);
    }

    public async Task StopAsync()
    {
        // It may have ended by itself: one that could not reach the membership table for long, say.
        if (Id is not null)
        {
            var began = Stopwatch.GetTimestamp();
            Process.Terminate();
            var code = await Process.WaitForExitAsync(StopTime);
            var isTold = Process.Output.Concat(Process.Errors).Any(static line
                => line.Contains("it could not be counted", StringComparison.Ordinal)
                || line.StartsWith("The silo stopped with an error", StringComparison.Ordinal));
            _stops.Add(new(Name, Stopwatch.GetElapsedTime(began), code, isTold));
        }
    }

    public void Freeze() => Process.Freeze();

    public async Task ThawAsync()
    {
        Process.Thaw();
        try
        {
            await Eventually.TrueAsync(async () => Id is null || await IsReadyAsync(), EndTime);
        }
        catch (TimeoutException)
        {
            // It is busy, or cut off; the next fault finds out.
        }

        if (Id is null)
        {
            await StartAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await ForgetAsync();
        Http.Dispose();
    }

    private ChildProcess Process => _process ?? throw new InvalidOperationException($"{Name} was not started.");

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            return (await Http.GetAsync(new Uri("/health/ready", UriKind.Relative))).StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task ForgetAsync()
    {
        if (_process is { } process)
        {
            await process.DisposeAsync();
            _log.AddRange([.. process.Output, .. process.Errors]);
            _process = null;
        }
    }
}
