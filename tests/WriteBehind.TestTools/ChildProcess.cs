using System.Diagnostics;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools;

/// <summary>A program of ours that runs as a process of its own, so that it can be killed. Does not outlive this process.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly OutputLines _output = new();
    private readonly OutputLines _errors = new();

    private ChildProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => _output.Add(line.Data);
        process.ErrorDataReceived += (_, line) => _errors.Add(line.Data);
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The lines it has written to standard output so far.</summary>
    public IReadOnlyList<string> Output => _output.Snapshot();

    /// <summary>The lines it has written to standard error so far.</summary>
    public IReadOnlyList<string> Errors => _errors.Snapshot();

    /// <summary>Starts a .NET program from its dll.</summary>
    public static ChildProcess StartDotnet(
        string dll, IEnumerable<string>? arguments = null, IReadOnlyDictionary<string, string?>? environment = null)
        => Start("dotnet", [dll, .. arguments ?? []], environment);

    /// <summary>Starts any program.</summary>
    /// <param name="program">Its path, or its name if it is on the search path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Environment variables on top of ours; null takes one away.</param>
    /// <param name="workingDirectory">Where it runs; null for where we do.</param>
    public static ChildProcess Start(
        string program,
        IEnumerable<string>? arguments = null,
        IReadOnlyDictionary<string, string?>? environment = null,
        string? workingDirectory = null)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory,
        };
        foreach (var argument in arguments ?? [])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        var child = new ChildProcess(new Process { StartInfo = start });
        child._process.Start();
        Watchdog.Watch(child.Id);
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Waits for a line of standard output, also one that has come already.</summary>
    /// <exception cref="TimeoutException">It did not come in time, or the process ended without it.</exception>
    public async Task<string> WaitForLineAsync(Func<string, bool> predicate, TimeSpan? deadline = null)
    {
        try
        {
            return await _output.FirstAsync(predicate).WaitAsync(deadline ?? Eventually.DefaultDeadline);
        }
        catch (Exception error) when (error is TimeoutException or EndOfStreamException)
        {
            throw new TimeoutException($"The line did not come.{Transcript()}", error);
        }
    }

    /// <summary>Gives it a line of standard input.</summary>
    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Kills it (SIGKILL).</summary>
    public void Kill() => Signal(Posix.SigKill);

    /// <summary>Asks it to stop (SIGTERM).</summary>
    public void Terminate() => Signal(Posix.SigTerm);

    /// <summary>Presses Ctrl-C (SIGINT).</summary>
    public void Interrupt() => Signal(Posix.SigInt);

    /// <summary>Stops it in its tracks (SIGSTOP).</summary>
    public void Freeze() => Signal(Posix.SigStop);

    /// <summary>Lets it go on (SIGCONT).</summary>
    public void Thaw() => Signal(Posix.SigCont);

    /// <summary>Waits for its end and all its output.</summary>
    /// <returns>The exit code; 128 + the signal's number where a signal ended it.</returns>
    public async Task<int> WaitForExitAsync(TimeSpan? deadline = null)
    {
        using var limit = new CancellationTokenSource(deadline ?? Eventually.DefaultDeadline);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The process did not end.{Transcript()}");
        }
    }

    /// <summary>Kills it if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await WaitForExitAsync();
        Watchdog.Forget(Id);
        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited)
        {
            Posix.Signal(Id, signal);
        }
    }

    private string Transcript()
        => $"\nIt wrote:\n{string.Join('\n', Output.TakeLast(20))}\nand as errors:\n{string.Join('\n', Errors.TakeLast(20))}";
}
