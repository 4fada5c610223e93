namespace WriteBehind.TestTools.Processes;

/// <summary>Directories for servers' data.</summary>
internal static class DataDirectory
{
    // The suite's servers were seen to hold 4 GB at once.
    private const long EnoughMemory = 8L << 30;
    private const string MemoryFileSystem = "/dev/shm";

    /// <summary>
    /// Where they are: in memory where there is room, otherwise in the temporary directory. A busy disk makes servers stand still for
    /// seconds (Redis does when a sync takes longer than two), which no test means to test; and what a killed process has written
    /// survives in memory, too.
    /// </summary>
    public static string Root { get; } = HasMemory() ? MemoryFileSystem : Path.GetTempPath();

    /// <summary>A name that nobody uses; nothing is created.</summary>
    public static string NewName(string kind)
        => Path.Combine(Root, $"writebehind-{kind}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}");

    /// <summary>Creates a directory that only this user may read.</summary>
    public static string Create(string kind)
    {
        var path = NewName(kind);
        return OperatingSystem.IsWindows()
            ? throw new PlatformNotSupportedException("The test servers need a POSIX system.")
            : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    public static void Remove(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private static bool HasMemory()
        => Directory.Exists(MemoryFileSystem)
            && new DriveInfo(MemoryFileSystem) is { DriveFormat: "tmpfs", AvailableFreeSpace: > EnoughMemory };
}
