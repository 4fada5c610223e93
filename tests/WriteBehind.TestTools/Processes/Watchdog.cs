using System.Diagnostics;
using System.Globalization;

namespace WriteBehind.TestTools.Processes;

/// <summary>
/// Ends the servers of this process and removes their data when this process dies, however it dies. A shell holds the reading
/// end of a pipe from us: the kernel closes the pipe at our death, also by SIGKILL, and the shell cleans up whatever it was told of.
/// (The parent-death signal of Linux would not do: it fires when the starting <em>thread</em> ends, and pool threads come and go.)
/// </summary>
internal static class Watchdog
{
    // Ends by SIGQUIT first, so that PostgreSQL removes its shared memory; a frozen process is thawed to hear it.
    private const string Script =
        """
        trap '' HUP INT TERM
        while read -r verb pid directory; do
          case $verb in
            watch) set -- "$@" "$pid:$directory" ;;
            forget) for entry; do shift; [ "${entry%%:*}" = "$pid" ] || set -- "$@" "$entry"; done ;;
          esac
        done
        each() {
          for entry; do
            pid=${entry%%:*}
            children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
            "$act" "$pid" $children
          done
        }
        ask() { kill -QUIT "$1" 2>/dev/null; kill -CONT "$@" 2>/dev/null; }
        end() { kill -KILL "$@" 2>/dev/null; }
        alive() { kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.*Z' "/proc/$1/status" && living=1; }
        act=ask; each "$@"
        for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
          living=0; act=alive; each "$@"
          [ "$living" = 1 ] || break
          sleep 0.1
        done
        act=end; each "$@"
        for entry; do
          directory=${entry#*:}
          [ -z "$directory" ] || rm -rf -- "$directory"
        done
        """;

    private static readonly Lock Gate = new();
    private static Process? _shell;

    /// <summary>Has a process ended, and its directory removed, when this one dies.</summary>
    public static void Watch(int pid, string? directory = null)
        => Tell(string.Create(CultureInfo.InvariantCulture, $"watch {pid} {directory}"));

    /// <summary>Takes that back: the process is gone.</summary>
    public static void Forget(int pid) => Tell(string.Create(CultureInfo.InvariantCulture, $"forget {pid}"));

    private static void Tell(string line)
    {
        lock (Gate)
        {
            _shell ??= Start();
            _shell.StandardInput.Write(line + "\n");
            _shell.StandardInput.Flush();
        }
    }

    private static Process Start()
    {
        // Its output must not be ours: whoever reads our output to the end would wait for the shell as well.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, WorkingDirectory = "/" };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec >/dev/null 2>&1\n" + Script);
        return Process.Start(start) ?? throw new InvalidOperationException("The watchdog shell could not be started.");
    }
}
