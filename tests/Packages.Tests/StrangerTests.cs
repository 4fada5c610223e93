using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using WriteBehind.TestTools;
using WriteBehind.TestTools.Processes;

namespace Packages.Tests;

/// <summary>
/// Somebody else's project, outside the repository and built from the packages alone, does what the README says: the three ways, settings
/// from configuration, a grain tested without servers, and the operator's commands. Of what the packages need it has the lowest versions
/// that they demand; all other tests have the newest.
/// </summary>
[Collection(SharedPackages.Name)]
public sealed class StrangerTests(PackedPackages packages) : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("writebehind-stranger-");
    private readonly Dictionary<string, string> _environment = [];

    public async Task InitializeAsync()
    {
        foreach (var file in new DirectoryInfo(Path.Combine(Sources.Root, "tests", "Packages.Tests", "Stranger")).EnumerateFiles())
        {
            file.CopyTo(Path.Combine(_folder.FullName, file.Name));
        }

        // Packages of others come from where this build has put them; ours go to a folder of their own, as their version stays the same.
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "nuget.config"),
            $"""
            <configuration>
              <packageSources><clear /><add key="packed" value="{packages.Folder}" /></packageSources>
              <fallbackPackageFolders><clear /><add key="others" value="{Metadata("NuGetPackageRoot")}" /></fallbackPackageFolders>
            </configuration>
            """);
        _environment["NUGET_PACKAGES"] = Path.Combine(_folder.FullName, "packages");
        _environment["Redis"] = (await SharedServers.RedisAsync()).Configuration;
        _environment["Postgres"] = await SharedServers.CreateDatabaseAsync();
        _environment["WriteBehind__KeyPrefix"] = SharedServers.FreshName("stranger");
        _environment["WriteBehind__Types__stock__FlushDelay"] = "00:00:07";
        _environment["WriteBehind__DrainTimeout"] = "00:00:00";
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_project_that_has_the_packages_alone_runs_each_way_binds_its_settings_tests_a_grain_and_answers_its_operator()
    {
        await RunAsync(
            "build", "-nologo", "-v:q", "-nodeReuse:false", "-p:UseSharedCompilation=false", $"-p:WriteBehindVersion={packages.Version}",
            $"-p:OrleansVersion={Metadata("OrleansVersion")}");

        var built = await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "bin/Debug/net10.0/Shop.deps.json"));
        Assert.All(
            ["Microsoft.EntityFrameworkCore/10.0.0", "Npgsql/10.0.0", "StackExchange.Redis/2.13.17", "Microsoft.Orleans.Runtime/10.3.0"],
            lowest => Assert.Contains($"\"{lowest}\"", built, StringComparison.Ordinal));
        Assert.Contains("tested 5", await ShopAsync("test"), StringComparison.Ordinal);

        var engine = await ShopAsync("engine");
        Assert.Contains("delay 00:00:07", engine, StringComparison.Ordinal);
        Assert.Contains("engine 94", engine, StringComparison.Ordinal);

        var silo = await ShopAsync("silo", Port(), Port());
        Assert.Contains("grain 5", silo, StringComparison.Ordinal);
        Assert.Contains("storage Ada", silo, StringComparison.Ordinal);

        Assert.Contains("stock", await ShopAsync("writebehind", "status"), StringComparison.Ordinal);
        var inspected = await ShopAsync("writebehind", "inspect", "stock", "85123A");
        Assert.Contains("94", inspected, StringComparison.Ordinal);
        await ShopAsync("writebehind", "drain");
        Assert.Contains("85123A", await ShopAsync("writebehind", "inspect", "stock", "85123A"), StringComparison.Ordinal);

        _environment["WriteBehind__Types__stok__FlushDelay"] = "00:00:07";
        var (exitCode, output) = await StartAsync("bin/Debug/net10.0/Shop.dll", "engine");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("WriteBehind:Types:stok", output, StringComparison.Ordinal);
    }

    private static string Port() => FreePort.Next().ToString(CultureInfo.InvariantCulture);

    private static string Metadata(string key) => typeof(StrangerTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == key).Value!;

    private Task<string> ShopAsync(params string[] arguments) => RunAsync(["bin/Debug/net10.0/Shop.dll", .. arguments]);

    private async Task<string> RunAsync(params string[] arguments)
    {
        var (exitCode, output) = await StartAsync(arguments);
        Assert.True(exitCode == 0, $"{string.Join(' ', arguments)} ended with {exitCode}: {output}");
        return output;
    }

    private Task<(int ExitCode, string Output)> StartAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        return PackedPackages.RunAsync(start);
    }
}
