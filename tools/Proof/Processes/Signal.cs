using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Proof.Processes;

/// <summary>Asks a process to end; .NET itself can only kill.</summary>
public static class Signal
{
    private const int SigTerm = 15;

    public static void Terminate(Process process)
    {
        if (!process.HasExited)
        {
            _ = Kill(process.Id, SigTerm);
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
