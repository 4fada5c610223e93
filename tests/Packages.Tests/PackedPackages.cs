using System.Diagnostics;
using System.IO.Compression;
using WriteBehind.TestTools;

namespace Packages.Tests;

/// <summary>The tests that share the packed packages.</summary>
[CollectionDefinition(Name)]
public sealed class SharedPackages : ICollectionFixture<PackedPackages>
{
    public const string Name = "packages";
}

/// <summary>The packages of <c>src</c>, packed into a temporary folder from what this test project's build has made.</summary>
public sealed class PackedPackages : IAsyncLifetime
{
    /// <summary>The repository that the packages are told they come from.</summary>
    public const string Repository = "https://example.org/write-behind.git";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("writebehind-packages-");

    /// <summary>The names of the projects in <c>src</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.EnumerateDirectories(Path.Combine(Sources.Root, "src")).Where(HoldsProject)
            .Select(folder => Path.GetFileName(folder))];

    /// <summary>Where they are.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The version that all of them have.</summary>
    public string Version => Files.Single(file => file.StartsWith("WriteBehind.", StringComparison.Ordinal)
        && char.IsDigit(file["WriteBehind.".Length]) && Path.GetExtension(file) == ".nupkg")["WriteBehind.".Length..^".nupkg".Length];

    /// <summary>The files that were made.</summary>
    public IReadOnlyList<string> Files => [.. _folder.EnumerateFiles().Select(file => file.Name)];

    public async Task InitializeAsync()
    {
        foreach (var name in Names)
        {
            await PackAsync(Path.Combine(Sources.Root, "src", name, name + ".csproj"));
        }
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Opens the package (<c>nupkg</c>) or the symbols (<c>snupkg</c>) of a project.</summary>
    public ZipArchive Open(string name, string ending)
        => ZipFile.OpenRead(Assert.Single(
            Directory.EnumerateFiles(_folder.FullName, $"{name}.?.*.{ending}"), file => Path.GetExtension(file) == "." + ending));

    private static bool HoldsProject(string folder) => File.Exists(Path.Combine(folder, Path.GetFileName(folder) + ".csproj"));

    // The folder above the framework's: Debug or Release.
    private static string Configuration() => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    private async Task PackAsync(string project)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "msbuild", project, "-target:Pack", "-nodeReuse:false", "-nologo", "-verbosity:quiet",
            "-property:NoBuild=true",
            "-property:Configuration=" + Configuration(),
            "-property:PackageOutputPath=" + _folder.FullName,
            "-property:RepositoryUrl=" + Repository,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var (exitCode, output) = await RunAsync(start);
        Assert.True(exitCode == 0, output);
    }

    /// <summary>Runs a program to its end; gives its exit code and all that it wrote.</summary>
    internal static async Task<(int ExitCode, string Output)> RunAsync(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }
}
