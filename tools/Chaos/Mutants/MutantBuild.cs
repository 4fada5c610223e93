using System.Diagnostics;
using WriteBehind;

namespace Chaos.Mutants;

/// <summary>
/// A build in which mutants can be switched on: of a copy, so that there is no trace of them in the sources and in packages.
/// </summary>
internal static class MutantBuild
{
    private const string Variable = "CHAOS_MUTANT";

    private const string Mutation = $$"""
        namespace WriteBehind;

        public static class Mutation
        {
            private static readonly string Name = System.Environment.GetEnvironmentVariable("{{Variable}}") ?? "";

            public static bool Is(string name) => Name == name;
        }
        """;

    private static readonly string[] Copied =
    [
        "src", "Silo/Contracts", "tools/Chaos", "tests/WriteBehind.TestTools", "tests/Directory.Build.props", "Directory.Build.props",
        "Directory.Packages.props", "global.json", "LICENSE",
    ];

    private static string Root => Path.GetFullPath(Path.Combine(".local", "mutants"));

    /// <summary>Whether this program is such a build.</summary>
    public static bool IsThis => typeof(WriteBehindOptions).Assembly.GetType("WriteBehind.Mutation") is not null;

    /// <summary>Switches a mutant on, here and in the processes that are started.</summary>
    public static void SwitchOn(string mutant) => Environment.SetEnvironmentVariable(Variable, mutant);

    /// <summary>Copies, changes and builds the sources in the working directory.</summary>
    /// <returns>The program.</returns>
    public static async Task<string> BuildAsync()
    {
        // What has gone from the sources must not stay in the copy; what was built may.
        Directory.CreateDirectory(Root);
        foreach (var file in SourcesIn(Root))
        {
            File.Delete(file);
        }

        foreach (var part in Copied)
        {
            Copy(part);
        }

        await File.WriteAllTextAsync(Path.Combine(Root, "src", "WriteBehind", "Mutation.cs"), Mutation);
        foreach (var edit in Mutant.All.SelectMany(static mutant => mutant.Edits))
        {
            var file = Path.Combine(Root, edit.File);
            await File.WriteAllTextAsync(file, edit.Apply(await File.ReadAllTextAsync(file)));
        }

        string[] options =
        [
            "-c", "Debug", "-v", "q", "-clp:ErrorsOnly;NoSummary", "-nodeReuse:false", "-p:RunAnalyzers=false",
            "-p:TreatWarningsAsErrors=false",
        ];
        return await RunAsync(["build", Path.Combine(Root, "tools", "Chaos", "Chaos.csproj"), .. options]) == 0
            ? Path.Combine(Root, "tools", "Chaos", "bin", "Debug", "net10.0", "Chaos.dll")
            : throw new InvalidOperationException("The mutants could not be built.");
    }

    /// <summary>Runs dotnet.</summary>
    /// <returns>Its exit code; -1 where it was killed for taking too long (what it started ends with it).</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TimeSpan? longest = null)
    {
        using var process = Process.Start("dotnet", arguments);
        using var limit = longest is { } time ? new CancellationTokenSource(time) : new CancellationTokenSource();
        try
        {
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            return -1;
        }
    }

    /// <summary>Files that are as they were keep their time, so that a second build is quick.</summary>
    private static void Copy(string part)
    {
        if (File.Exists(part))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Root, part))!);
            File.Copy(part, Path.Combine(Root, part), overwrite: true);
            return;
        }

        foreach (var file in SourcesIn(part))
        {
            Copy(file);
        }
    }

    private static IEnumerable<string> SourcesIn(string folder)
        => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(static file => !file.Split(Path.DirectorySeparatorChar).Any(static part => part is "bin" or "obj"));
}
