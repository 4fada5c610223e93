namespace WriteBehind.AspNetCore.Tests.Sample;

/// <summary>
/// The samples as they were built for themselves. The copies beside the tests lack the assemblies that ASP.NET Core brings, which the
/// tests have and the driver has not.
/// </summary>
internal static class SamplePaths
{
    public static string Embedded { get; } = Find("Embedded");

    public static string Driver { get; } = Find("Embedded.Driver");

    // tests/<this>/bin/Debug/net10.0 has its twin in samples/<project>/bin/Debug/net10.0.
    private static string Find(string project)
    {
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var configuration = output.Parent!;
        var root = configuration.Parent!.Parent!.Parent!.Parent!;
        return Path.Combine(root.FullName, "samples", project, "bin", configuration.Name, output.Name, $"{project}.dll");
    }
}
