using System.Diagnostics;
using System.Globalization;

namespace WriteBehind.TestTools.Processes;

/// <summary>One running server: its output goes to a log file, it can be frozen and killed, and it does not outlive this process.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan ExitDeadline = TimeSpan.FromSeconds(90);
    private readonly Process _process;
    private readonly string _logFile;

    private ServerProcess(Process process, string logFile)
    {
        _process = process;
        _logFile = logFile;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Starts a program. The directory is its working directory, holds its log, and is removed should this process die.</summary>
    public static ServerProcess Start(string program, IEnumerable<string> arguments, string directory, string? user = null)
    {
        var logFile = Path.Combine(directory, "server.log");
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = directory, UserName = user };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("""log=$1; shift; exec "$0" "$@" >>"$log" 2>&1 </dev/null""");
        start.ArgumentList.Add(program);
        start.ArgumentList.Add(logFile);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");
        Watchdog.Watch(process.Id, directory);
        return new ServerProcess(process, logFile);
    }

    /// <summary>The end of the log, for error messages.</summary>
    public string LogTail()
        => File.Exists(_logFile) ? string.Join('\n', File.ReadLines(_logFile).TakeLast(20)) : "(no log)";

    public void Signal(int signal)
    {
        if (!_process.HasExited)
        {
            Posix.Signal(_process.Id, signal);
        }
    }

    /// <summary>Stops the process and its children where they are (SIGSTOP); returns when none of them runs any more.</summary>
    public async Task FreezeAsync()
    {
        // The parent first: it then makes no more children.
        Signal(Posix.SigStop);
        await Eventually.TrueAsync(() => HasState(Id, 'T', 'Z'), because: "the process stops");
        foreach (var child in Children())
        {
            Posix.Signal(child, Posix.SigStop);
            await Eventually.TrueAsync(() => HasState(child, 'T', 'Z'), because: "the child process stops");
        }
    }

    /// <summary>Lets a frozen process and its children go on (SIGCONT).</summary>
    public void Thaw()
    {
        foreach (var child in Children())
        {
            Posix.Signal(child, Posix.SigCont);
        }

        Signal(Posix.SigCont);
    }

    /// <summary>Kills the process and its children (SIGKILL), frozen or not; returns when they are gone.</summary>
    public async Task KillAsync()
    {
        Signal(Posix.SigStop);
        var children = Children();
        Signal(Posix.SigKill);
        foreach (var child in children)
        {
            Posix.Signal(child, Posix.SigKill);
        }

        await WaitForExitAsync();
        foreach (var child in children)
        {
            await Eventually.TrueAsync(() => HasState(child, 'Z'), because: "the child process dies");
        }
    }

    /// <summary>Sends a signal that ends the process and waits for the end.</summary>
    public async Task EndAsync(int signal)
    {
        Thaw();
        Signal(signal);
        await WaitForExitAsync();
    }

    public void Dispose()
    {
        Watchdog.Forget(_process.Id);
        _process.Dispose();
    }

    private async Task WaitForExitAsync()
    {
        using var deadline = new CancellationTokenSource(ExitDeadline);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Process {Id} did not end within {ExitDeadline.TotalSeconds} s. Its log ends:\n{LogTail()}");
        }
    }

    private List<int> Children()
    {
        var file = $"/proc/{Id}/task/{Id}/children";
        return File.Exists(file)
            ? [.. File.ReadAllText(file).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(static pid => int.Parse(pid, CultureInfo.InvariantCulture))]
            : [];
    }

    /// <summary>Whether a process is in one of these states of proc(5); a process that is gone is in all of them.</summary>
    private static bool HasState(int pid, params ReadOnlySpan<char> states)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return states.Contains(stat[stat.LastIndexOf(')') + 2]);
        }
        catch (IOException)
        {
            return true;
        }
    }
}
