using System.Diagnostics;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using System.Xml.Linq;
using WriteBehind.TestTools;

namespace Packages.Tests;

/// <summary>Symbols that lead to the sources: as they are packed from a clone of a repository on the web.</summary>
[Collection(SharedPackages.Name)]
public sealed class SymbolTests(PackedPackages packages)
{
    private const string Name = "WriteBehind.Abstractions";

    // Of the format of portable symbols: https://github.com/dotnet/runtime/blob/main/docs/design/specs/PortablePdb-Metadata.md
    private static readonly Guid SourceLink = new("cc110556-a091-4d38-9fec-25ab9a351a6a");
    private static readonly Guid EmbeddedSource = new("0e8a571b-6926-466e-b4ad-8ab04611f5fe");

    public static TheoryData<string> Names => [.. PackedPackages.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Symbols_are_those_of_the_assembly_which_is_built_deterministically(string name)
    {
        using var package = packages.Open(name, "nupkg");
        using var symbols = packages.Open(name, "snupkg");
        using var assembly = new PEReader(new MemoryStream(ReadAll(package, $"lib/net10.0/{name}.dll")));
        using var provider = MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(ReadAll(symbols, $"lib/net10.0/{name}.pdb")));

        var entries = assembly.ReadDebugDirectory();
        Assert.Contains(entries, entry => entry.Type == DebugDirectoryEntryType.Reproducible);
        var codeView = assembly.ReadCodeViewDebugDirectoryData(
            entries.Single(entry => entry.Type == DebugDirectoryEntryType.CodeView && entry.IsPortableCodeView));
        Assert.Equal(codeView.Guid, new Guid(provider.GetMetadataReader().DebugMetadataHeader!.Id.AsSpan()[..16]));
    }

    [Fact]
    public async Task Two_clones_in_different_folders_make_the_same_package_whose_symbols_lead_to_its_commit()
    {
        var clones = await Task.WhenAll(PackCloneAsync(), PackCloneAsync());
        try
        {
            var commit = clones[0].Commit;
            Assert.Equal(commit, clones[1].Commit);
            using var package = ZipFile.OpenRead(clones[0].File("nupkg"));
            using var symbols = ZipFile.OpenRead(clones[0].File("snupkg"));
            using var twin = ZipFile.OpenRead(clones[1].File("nupkg"));
            using var twinSymbols = ZipFile.OpenRead(clones[1].File("snupkg"));
            Assert.Equal(ReadAll(package, $"lib/net10.0/{Name}.dll"), ReadAll(twin, $"lib/net10.0/{Name}.dll"));
            Assert.Equal(ReadAll(symbols, $"lib/net10.0/{Name}.pdb"), ReadAll(twinSymbols, $"lib/net10.0/{Name}.pdb"));

            var nuspec = XDocument.Load(new MemoryStream(ReadAll(package, $"{Name}.nuspec")));
            var repository = nuspec.Descendants().Single(element => element.Name.LocalName == "repository");
            Assert.Equal(
                (Clone.Remote, commit), ((string?)repository.Attribute("url"), (string?)repository.Attribute("commit")));

            using var provider = MetadataReaderProvider.FromPortablePdbStream(
                new MemoryStream(ReadAll(symbols, $"lib/net10.0/{Name}.pdb")));
            var reader = provider.GetMetadataReader();
            var link = JsonDocument.Parse(Debug(reader, EntityHandle.ModuleDefinition, SourceLink)!).RootElement.GetProperty("documents");
            var map = Assert.Single(link.EnumerateObject());
            Assert.Equal($"https://raw.githubusercontent.com/example/write-behind/{commit}/*", map.Value.GetString());

            foreach (var handle in reader.Documents)
            {
                var path = reader.GetString(reader.GetDocument(handle).Name);
                var isTracked = path.StartsWith(map.Name.TrimEnd('*'), StringComparison.Ordinal)
                    && !path.Contains("/obj/", StringComparison.Ordinal);
                Assert.True(isTracked || Debug(reader, handle, EmbeddedSource) is not null, path);
                Assert.StartsWith("/_", path, StringComparison.Ordinal);
            }
        }
        finally
        {
            Array.ForEach(clones, clone => clone.Dispose());
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_package_names_the_commit_that_it_is_made_from(string name)
    {
        using var package = packages.Open(name, "nupkg");
        var nuspec = XDocument.Load(new MemoryStream(ReadAll(package, $"{name}.nuspec")));

        Assert.Matches(
            "^[0-9a-f]{40}$",
            (string?)nuspec.Descendants().Single(element => element.Name.LocalName == "repository").Attribute("commit"));
    }

    private static byte[]? Debug(MetadataReader reader, EntityHandle of, Guid kind) => reader.GetCustomDebugInformation(of)
        .Select(reader.GetCustomDebugInformation)
        .Where(information => reader.GetGuid(information.Kind) == kind)
        .Select(information => reader.GetBlobBytes(information.Value))
        .SingleOrDefault();

    private static byte[] ReadAll(ZipArchive archive, string file)
    {
        using var stream = archive.GetEntry(file)!.Open();
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    // What one package is built from, in a repository of its own: with the same time and author its commit is the same.
    private static async Task<Clone> PackCloneAsync()
    {
        var clone = new Clone();
        foreach (var file in (string[])["global.json", "Directory.Build.props", "Directory.Packages.props", ".editorconfig", ".gitignore"])
        {
            clone.Add(file);
        }

        foreach (var file in Directory.EnumerateFiles(Path.Combine(Sources.Root, "src", Name), "*", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(Sources.Root, "src")))
            .Select(file => Path.GetRelativePath(Sources.Root, file))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal)))
        {
            clone.Add(file);
        }

        await clone.RunAsync("git", "init", "--quiet", "--initial-branch=main");
        await clone.RunAsync("git", "remote", "add", "origin", Clone.Remote);
        await clone.RunAsync("git", "add", "--all");
        await clone.RunAsync(
            "git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "commit", "--quiet", "--message", "All");
        clone.Commit = (await clone.RunAsync("git", "rev-parse", "HEAD")).Trim();
        await clone.RunAsync(
            "dotnet", "pack", $"src/{Name}", "--output", "packed", "-nologo", "-v:q", "-nodeReuse:false", "-p:UseSharedCompilation=false",
            "-p:RunAnalyzers=false", "-p:ContinuousIntegrationBuild=true");
        return clone;
    }

    private sealed class Clone : IDisposable
    {
        public const string Remote = "https://github.com/example/write-behind.git";

        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("writebehind-clone-");

        public string Commit { get; set; } = "";

        public string File(string ending) => Assert.Single(
            Directory.EnumerateFiles(Path.Combine(_folder.FullName, "packed")), file => Path.GetExtension(file) == "." + ending);

        public void Add(string file)
        {
            var target = Path.Combine(_folder.FullName, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            System.IO.File.Copy(Path.Combine(Sources.Root, file), target);
        }

        public async Task<string> RunAsync(string program, params string[] arguments)
        {
            var start = new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = _folder.FullName,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["GIT_AUTHOR_DATE"] = "2026-01-01T00:00:00Z", ["GIT_COMMITTER_DATE"] = "2026-01-01T00:00:00Z" },
            };
            var (exitCode, output) = await PackedPackages.RunAsync(start);
            Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)}: {output}");
            return output;
        }

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
