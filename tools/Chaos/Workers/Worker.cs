using System.Diagnostics;
using Chaos.Checks;
using Chaos.Faults;
using WriteBehind.TestTools;

namespace Chaos.Workers;

/// <summary>A worker through all its lives, as the run sees it.</summary>
internal sealed class Worker(string name, Func<int, WorkerSettings> settingsOf) : IVictim
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(60);
    private readonly List<string> _errors = [];
    private readonly List<ProcessStop> _stops = [];
    private ChildProcess? _process;
    private int _lives;

    public string Name => name;

    public IReadOnlyList<ProcessStop> Stops => _stops;

    public IReadOnlyList<string> Log => [.. _errors, .. _process?.Output ?? [], .. _process?.Errors ?? []];

    public int? Id => _process is { HasExited: false } process ? process.Id : null;

    public async Task StartAsync()
    {
        await ForgetAsync();
        _process = ChildProcess.StartDotnet(
            typeof(Worker).Assembly.Location,
            settingsOf(++_lives).ToArguments(),
            new Dictionary<string, string?> { ["DOTNET_TieredPGO"] = "0" });
        await _process.WaitForLineAsync(static line => line == "ready", StartTime);
    }

    public async Task KillAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync(StopTime);
    }

    public void Freeze() => Process.Freeze();

    public Task ThawAsync()
    {
        _process?.Thaw();
        return Task.CompletedTask;
    }

    public async Task StopAsync()
    {
        var began = Stopwatch.GetTimestamp();
        Process.Terminate();
        var code = await Process.WaitForExitAsync(StopTime);
        _stops.Add(new($"{name}-{_lives}", Stopwatch.GetElapsedTime(began), code));
    }

    /// <summary>Ends its calls; it goes on to flush.</summary>
    public Task EndLoadAsync() => AskAsync("stop", "stopped");

    /// <summary>What it says waits; null where it can't say.</summary>
    public async Task<Left?> StatusAsync()
    {
        var line = await AskAsync("status", "status");
        return line.Split(' ') is [_, var dirty, var letters] && long.TryParse(dirty, out var count)
            ? new(count, letters.Split(',', StringSplitOptions.RemoveEmptyEntries))
            : null;
    }

    public async ValueTask DisposeAsync() => await ForgetAsync();

    private ChildProcess Process => _process ?? throw new InvalidOperationException($"{name} was not started.");

    private async Task<string> AskAsync(string command, string answer)
    {
        var before = Process.Output.Count(line => line.StartsWith(answer, StringComparison.Ordinal));
        await Process.WriteLineAsync(command);
        await Eventually.TrueAsync(
            () => Process.Output.Count(line => line.StartsWith(answer, StringComparison.Ordinal)) > before,
            StopTime,
            $"{name} answers {command}");
        return Process.Output.Last(line => line.StartsWith(answer, StringComparison.Ordinal));
    }

    private async Task ForgetAsync()
    {
        if (_process is { } process)
        {
            await process.DisposeAsync();
            _errors.AddRange([.. process.Output, .. process.Errors]);
            _process = null;
        }
    }
}
