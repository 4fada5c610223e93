using System.ComponentModel;
using System.Runtime.InteropServices;

namespace WriteBehind.TestTools.Processes;

/// <summary>The few system calls that .NET has no name for.</summary>
internal static partial class Posix
{
    public const int SigInt = 2;
    public const int SigQuit = 3;
    public const int SigKill = 9;
    public const int SigTerm = 15;
    private const int NoSuchProcess = 3;
    private const int RemoveSegment = 0;

    // These two differ between Linux and macOS.
    public static readonly int SigCont = OperatingSystem.IsMacOS() ? 19 : 18;
    public static readonly int SigStop = OperatingSystem.IsMacOS() ? 17 : 19;

    /// <summary>Sends a signal; false where the process is gone.</summary>
    public static bool Signal(int pid, int signal)
    {
        if (Kill(pid, signal) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        return error == NoSuchProcess ? false : throw new Win32Exception(error, $"Signal {signal} could not be sent to process {pid}.");
    }

    /// <summary>Removes a System V shared memory segment; one that is gone already is fine.</summary>
    public static void RemoveSharedMemory(int id) => _ = SharedMemoryControl(id, RemoveSegment, 0);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "shmctl")]
    private static partial int SharedMemoryControl(int id, int command, nint buffer);
}
