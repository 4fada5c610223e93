using System.IO.Compression;
using System.Xml.Linq;

namespace Packages.Tests;

/// <summary>What is in the packages that <c>dotnet pack</c> makes.</summary>
[Collection(SharedPackages.Name)]
public sealed class PackageTests(PackedPackages packages)
{
    public static TheoryData<string> Names => [.. PackedPackages.Names];

    [Fact]
    public void Each_project_makes_one_package_and_its_symbols()
    {
        Assert.Equal(10, PackedPackages.Names.Count);
        Assert.Equal(10, packages.Files.Count(file => file.EndsWith(".nupkg", StringComparison.Ordinal)));
        Assert.Equal(10, packages.Files.Count(file => file.EndsWith(".snupkg", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_package_holds_the_assembly_its_documentation_a_readme_and_an_icon(string name)
    {
        using var package = packages.Open(name, "nupkg");
        var documentation = Read(package, $"lib/net10.0/{name}.xml");
        var readme = Read(package, "README.md");

        Assert.True(package.GetEntry($"lib/net10.0/{name}.dll")!.Length > 4_000);
        Assert.Contains("<summary>", documentation, StringComparison.Ordinal);
        Assert.StartsWith($"# {name}\n", readme, StringComparison.Ordinal);
        Assert.Contains($"dotnet add package {name}\n", readme, StringComparison.Ordinal);
        Assert.DoesNotContain("](../", readme, StringComparison.Ordinal); // leads nowhere from a gallery's page
        Assert.True(package.GetEntry("icon.png")!.Length > 0);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_package_says_what_it_is_and_where_it_comes_from(string name)
    {
        using var package = packages.Open(name, "nupkg");
        var text = Read(package, name + ".nuspec");
        var metadata = XDocument.Parse(text).Root!.Elements().First();
        string? Value(string element) => metadata.Elements().SingleOrDefault(e => e.Name.LocalName == element)?.Value;
        var repository = metadata.Elements().Single(element => element.Name.LocalName == "repository");

        Assert.Equal((name, "README.md", "icon.png", "MIT"), (Value("id"), Value("readme"), Value("icon"), Value("license")));
        Assert.Contains("write-behind", Value("tags")!.Split(' '));
        Assert.True(Value("description")!.Length > 40);
        Assert.NotNull(Value("releaseNotes"));
        Assert.Equal(("git", PackedPackages.Repository), ((string?)repository.Attribute("type"), (string?)repository.Attribute("url")));
        Assert.Equal("https://example.org/write-behind", Value("projectUrl"));
        Assert.DoesNotContain("file:", text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Symbols_are_packed_beside_it(string name)
    {
        using var symbols = packages.Open(name, "snupkg");

        Assert.True(symbols.GetEntry($"lib/net10.0/{name}.pdb")!.Length > 1_000);
    }

    [Fact]
    public void Only_what_a_user_needs_is_a_dependency()
    {
        foreach (var name in PackedPackages.Names)
        {
            var dependencies = DependenciesOf(name);

            Assert.DoesNotContain(dependencies, id => id.Contains("Analyzers", StringComparison.Ordinal));
            Assert.Equal(
                name is not ("WriteBehind" or "Orleans.WriteBehind.Testing") && !IsOfAbstractions(name),
                dependencies.Contains("WriteBehind"));
            Assert.Equal(name.StartsWith("Orleans.", StringComparison.Ordinal), dependencies.Any(IsOfOrleans));
        }
    }

    [Fact]
    public void Who_only_calls_grains_gets_no_runtime_and_no_Redis_client()
    {
        Assert.Equal([], DependenciesOf("WriteBehind.Abstractions"));
        Assert.Equal(
            ["Microsoft.Orleans.Core.Abstractions", "WriteBehind.Abstractions"], DependenciesOf("Orleans.WriteBehind.Abstractions"));
    }

    [Fact]
    public void Of_others_no_newer_version_is_demanded_than_the_lowest_that_works()
    {
        var demanded = PackedPackages.Names.SelectMany(DependenciesWithVersionsOf)
            .Where(static dependency => !PackedPackages.Names.Contains(dependency.Id)).Distinct().Order();

        Assert.Equal(
            [
                ("Microsoft.EntityFrameworkCore", "10.0.0"),
                ("Microsoft.EntityFrameworkCore.Relational", "10.0.0"),
                ("Microsoft.Extensions.Configuration.Binder", "10.0.0"),
                ("Microsoft.Extensions.Diagnostics.HealthChecks", "10.0.0"),
                ("Microsoft.Extensions.Hosting.Abstractions", "10.0.0"),
                ("Microsoft.Extensions.Logging", "10.0.0"),
                ("Microsoft.Orleans.Core.Abstractions", "10.3.0"),
                ("Microsoft.Orleans.Reminders", "10.3.0"),
                ("Microsoft.Orleans.Runtime", "10.3.0"),
                ("Microsoft.Orleans.Sdk", "10.3.0"),
                ("Npgsql", "10.0.0"),
                ("Npgsql.EntityFrameworkCore.PostgreSQL", "10.0.0"),
                ("OpenTelemetry.Api", "1.15.3"),
                ("StackExchange.Redis", "2.13.17"),
                ("System.CommandLine", "2.0.0"),
                ("System.Threading.RateLimiting", "10.0.0"),
            ],
            demanded);
    }

    private static bool IsOfAbstractions(string name) => name.EndsWith(".Abstractions", StringComparison.Ordinal);

    private string[] DependenciesOf(string name)
        => [.. DependenciesWithVersionsOf(name).Select(static dependency => dependency.Id).Order(StringComparer.Ordinal)];

    private (string Id, string Version)[] DependenciesWithVersionsOf(string name)
    {
        using var package = packages.Open(name, "nupkg");
        return
        [
            .. XDocument.Parse(Read(package, name + ".nuspec")).Descendants()
                .Where(element => element.Name.LocalName == "dependency")
                .Select(element => ((string)element.Attribute("id")!, (string)element.Attribute("version")!)),
        ];
    }

    // A service without Orleans must not get it for its tests either.
    private static bool IsOfOrleans(string id) => id.Contains("Orleans.", StringComparison.Ordinal);

    private static string Read(ZipArchive package, string file)
    {
        var entry = package.GetEntry(file);
        Assert.True(entry is not null, $"{file} is not in the package.");
        using var reader = new StreamReader(entry.Open());
        return reader.ReadToEnd();
    }
}
