namespace WriteBehind.Testing.Processes;

/// <summary>Directories for servers' data below the temporary directory.</summary>
internal static class DataDirectory
{
    /// <summary>A name that nobody uses; nothing is created.</summary>
    public static string NewName(string kind)
        => Path.Combine(Path.GetTempPath(), $"writebehind-{kind}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}");

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
}
