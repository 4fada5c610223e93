using System.Diagnostics;
using System.Globalization;

namespace Proof.Processes;

/// <summary>Starts the service's process.</summary>
public static class ServiceLauncher
{
    /// <summary>Starts it at a port; 0 lets it choose one.</summary>
    /// <exception cref="RunFailedException">It can't be started.</exception>
    public static Task<Process> LaunchAsync(ServiceSettings settings, int port)
    {
        var start = new ProcessStartInfo
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(Path.GetFullPath(settings.Assembly)),
        };
        foreach (var (name, value) in settings.Environment)
        {
            start.Environment[name] = value;
        }

        var command = Command(settings.Assembly, port);
        start.FileName = command[0];
        foreach (var argument in command.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        return LaunchAsync(start);
    }

    // setsid: Ctrl-C on the terminal goes to the driver alone, which stops the service in its own order.
    // setpriv: the kernel kills the service when the driver dies, however it dies.
    private static List<string> Command(string assembly, int port)
    {
        List<string> command = [Dotnet(), assembly, "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")];
        if (Exists("setpriv"))
        {
            command.InsertRange(0, ["setpriv", "--pdeathsig", "KILL", "--"]);
        }

        if (Exists("setsid"))
        {
            command.Insert(0, "setsid");
        }

        return command;
    }

    private static string Dotnet()
        => Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) == "dotnet" ? own : "dotnet";

    private static bool Exists(string tool)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, tool)));

    // The kernel takes the death of the starting *thread* for the death of the parent, and the thread pool lets idle threads go: so the
    // process is started by a thread that stays until it ends.
    private static Task<Process> LaunchAsync(ProcessStartInfo start)
    {
        var launched = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                var process = Process.Start(start) ?? throw new InvalidOperationException("no process");
                launched.SetResult(process);
                process.WaitForExit();
            }
            catch (Exception e)
            {
                launched.TrySetException(new RunFailedException($"'{start.FileName}' can't be started: {e.Message}", e));
            }
        })
        {
            IsBackground = true,
            Name = "service",
        };
        thread.Start();
        return launched.Task;
    }
}
