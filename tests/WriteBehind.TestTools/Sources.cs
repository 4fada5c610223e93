using System.Runtime.CompilerServices;

namespace WriteBehind.TestTools;

/// <summary>The sources that the tests were built from.</summary>
public static class Sources
{
    /// <summary>Their folder.</summary>
    public static string Root { get; } = RootOf();

    private static string RootOf([CallerFilePath] string here = "")
        => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../.."));
}
