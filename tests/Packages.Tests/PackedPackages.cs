using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace Packages.Tests;

/// <summary>The packages of <c>src</c>, packed into a temporary folder from what this test project's build has made.</summary>
public sealed class PackedPackages : IAsyncLifetime
{
    /// <summary>The repository that the packages are told they come from.</summary>
    public const string Repository = "https://example.org/write-behind.git";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("writebehind-packages-");

    /// <summary>The names of the projects in <c>src</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.EnumerateDirectories(Path.Combine(Root(), "src")).Where(HoldsProject).Select(folder => Path.GetFileName(folder))];

    /// <summary>The files that were made.</summary>
    public IReadOnlyList<string> Files => [.. _folder.EnumerateFiles().Select(file => file.Name)];

    public async Task InitializeAsync()
    {
        foreach (var name in Names)
        {
            await PackAsync(Path.Combine(Root(), "src", name, name + ".csproj"));
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

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../.."));

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

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + await errors);
    }
}
