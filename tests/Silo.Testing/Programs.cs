namespace Silo.Testing;

/// <summary>Silo and client as they were built for themselves.</summary>
public static class Programs
{
    /// <summary>The repository.</summary>
    public static string Root => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Silo)!, "..", "..", "..", ".."));

    public static string Silo { get; } = Find("Silo");

    public static string Client { get; } = Find("Client");

    // tests/<the tests>/bin/Debug/net10.0 has its twin in <project>/bin/Debug/net10.0.
    private static string Find(string project)
    {
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var configuration = output.Parent!;
        var root = configuration.Parent!.Parent!.Parent!.Parent!;
        return Path.Combine(root.FullName, project, "bin", configuration.Name, output.Name, $"{project}.dll");
    }
}
