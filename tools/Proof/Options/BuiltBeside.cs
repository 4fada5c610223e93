namespace Proof.Options;

/// <summary>
/// Finds what was built by the same command: below a/bin/Release/net10.0 is what has its twin below b/bin/Release/net10.0.
/// </summary>
public static class BuiltBeside
{
    /// <summary>The assembly of another project.</summary>
    /// <param name="own">The folder of the running program's project, from the repository's root.</param>
    /// <param name="other">The folder of the other project.</param>
    /// <param name="assembly">Its assembly.</param>
    public static string Find(string own, string other, string assembly)
    {
        var folder = AppContext.BaseDirectory;
        var marker = $"/{own}/bin/".Replace('/', Path.DirectorySeparatorChar);
        var at = folder.LastIndexOf(marker, StringComparison.Ordinal);
        return at < 0
            ? Path.Combine(folder, assembly)
            : Path.Combine(folder[..(at + 1)], other, "bin", folder[(at + marker.Length)..], assembly);
    }
}
