using System.Globalization;
using System.Text.RegularExpressions;

namespace WriteBehind.Tests.House;

/// <summary>Keeps the sources as docs/architecture.md and CONTRIBUTING.md say they are.</summary>
public sealed partial class HouseTests
{
    private const int LongestLine = 140;
    private const int LongestFile = 400;
    private const int MostFiles = 200;

    /// <summary>The rooms of the engine. A room uses rooms of lower floors only.</summary>
    private static readonly Dictionary<string, int> Floors = new()
    {
        ["States"] = -1,
        [""] = 0,
        ["Common"] = 1,
        ["Health"] = 2,
        ["Redis"] = 2,
        ["Buffer"] = 3,
        ["Queues"] = 3,
        ["RateLimits"] = 3,
        ["Caching"] = 3,
        ["Flushing"] = 4,
        ["Writing"] = 5,
        ["Engine"] = 6,
    };

    private static readonly Lazy<SourceFile[]> LazySrc =
        new(() => [.. SourceTree.Files("src", ".cs").Select(file => new SourceFile(file, SourceTree.Read(file)))]);

    public static TheoryData<string> Folders => [.. Sources];

    private static string[] Sources => ["src", "tests", "Silo", "Client", "samples", "tools", "benchmarks"];

    private static SourceFile[] Src => LazySrc.Value;

    private static SourceFile[] Engine => [.. Src.Where(file => file.Package == "WriteBehind")];

    [Fact]
    public void A_room_of_the_engine_uses_rooms_on_lower_floors_only()
    {
        Assert.Equal(Floors.Keys.Order(StringComparer.Ordinal), Engine.Select(file => file.Room).Distinct().Order(StringComparer.Ordinal));

        Assert.Empty(ArrowsUp(Engine));
    }

    [Theory]
    [InlineData("using WriteBehind.Engine;\nnamespace WriteBehind.Buffer;\ninternal sealed class Fault;")]
    [InlineData("using static WriteBehind.Engine.TypeEngine;\nnamespace WriteBehind.Buffer;\ninternal sealed class Fault;")]
    [InlineData("namespace WriteBehind.Buffer;\ninternal sealed class Fault(Engine.ITypeEngine engine);")]
    [InlineData("using Microsoft.Extensions.DependencyInjection;\nnamespace WriteBehind.Buffer;\n" +
        "internal sealed class Fault { void Do(X x) => x.AddWriteBehind(); }")]
    public void An_arrow_to_a_higher_floor_is_seen(string code)
        => Assert.NotEmpty(ArrowsUp([.. Engine, new SourceFile("src/WriteBehind/Buffer/Fault.cs", code)]));

    [Fact]
    public void A_comment_or_a_text_is_no_arrow()
        => Assert.Empty(ArrowsUp(
        [
            .. Engine,
            new SourceFile(
                "src/WriteBehind/Buffer/Fine.cs",
                "namespace WriteBehind.Buffer;\n// Engine.ITypeEngine\ninternal sealed class Fine { string Say => " +
                "\"Engine.ITypeEngine\"; }"),
        ]));

    [Theory]
    [InlineData("Orleans.WriteBehind")]
    [InlineData("WriteBehind.EntityFrameworkCore")]
    [InlineData("WriteBehind.AspNetCore")]
    [InlineData("WriteBehind.CommandLine")]
    [InlineData("WriteBehind.Testing")]
    public void The_folders_of_a_package_do_not_use_each_other_in_a_circle(string package)
    {
        var files = Src.Where(file => file.Package == package).ToArray();

        Assert.NotEmpty(files);
        Assert.Equal("", Circle(files));
    }

    [Fact]
    public void A_circle_of_folders_is_seen()
    {
        SourceFile[] files =
        [
            new("src/P/A/One.cs", "using P.B;\nnamespace P.A;\nclass One;"),
            new("src/P/B/Two.cs", "using P.C;\nnamespace P.B;\nclass Two;"),
            new("src/P/C/Three.cs", "using P.A;\nnamespace P.C;\nclass Three;"),
        ];

        Assert.Equal("", Circle(files[..2]));
        Assert.NotEqual("", Circle(files));
    }

    [Fact]
    public void A_namespace_is_the_folder_of_its_file()
    {
        var misplaced = Src.Where(file => !file.IsRegistration && file.Types.Count > 0 && file.Namespace != file.Folder)
            .Select(file => file.Path)
            .ToArray();

        Assert.Empty(misplaced);
    }

    [Fact]
    public void Src_has_no_more_files_than_a_newcomer_can_walk_through()
        => Assert.InRange(Src.Length, 100, MostFiles);

    [Theory]
    [MemberData(nameof(Folders))]
    public void No_file_is_longer_than_400_lines(string folder)
    {
        var files = SourceTree.Files(folder, ".cs");
        var found = files.Where(file => SourceTree.Lines(file).Count > LongestFile).ToArray();

        Assert.NotEmpty(files);
        Assert.Empty(found);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void No_line_is_longer_than_140_columns(string folder)
    {
        var found = from file in SourceTree.Files(folder, ".cs")
                    from line in SourceTree.Lines(file).Index()
                    where line.Item.Length > LongestLine
                    select string.Create(CultureInfo.InvariantCulture, $"{file}:{line.Index + 1}");

        Assert.Empty(found);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void The_body_of_a_member_begins_with_its_arrow(string folder)
    {
        var found = SourceTree.Files(folder, ".cs").Where(EndsWithArrow).ToArray();

        Assert.Empty(found);
    }

    [Fact]
    public void No_project_compiles_a_file_of_another()
    {
        var projects = Sources.SelectMany(folder => SourceTree.Files(folder, "proj")).ToArray();
        var found = projects.Where(project => SourceTree.Read(project).Contains("<Compile Include", StringComparison.Ordinal)).ToArray();

        Assert.NotEmpty(projects);
        Assert.Empty(found);
    }

    [Theory]
    [InlineData("The way of a write", 24)]
    [InlineData("The way of a flush", 40)]
    public void The_files_of_a_way_are_there_and_few(string heading, int most)
    {
        var page = SourceTree.Read("docs/architecture.md");
        var section = page.Split("\n## ").Single(section => section.StartsWith(heading + "\n", StringComparison.Ordinal));
        var files = LinkedFile().Matches(section).Select(match => match.Groups[1].Value).ToArray();
        var missing = files.Where(file => !File.Exists(Path.Combine(SourceTree.Root, file))).ToArray();

        Assert.InRange(files.Length, 10, most);
        Assert.Equal(files.Length, files.Distinct(StringComparer.Ordinal).Count());
        Assert.Empty(missing);
    }

    private static bool EndsWithArrow(string file) => TrailingArrow().IsMatch(SourceTree.Bare(SourceTree.Read(file)));

    private static IEnumerable<string> ArrowsUp(SourceFile[] files)
        => from file in files
           from other in files
           where Floors[other.Room] > Floors[file.Room] || (Floors[other.Room] == Floors[file.Room] && other.Room != file.Room)
           where file.Uses(other)
           select $"{file.Path} -> {other.Path}";

    /// <summary>One circle of folders, if there is any. Registration extensions put everything together and belong to no folder.</summary>
    private static string Circle(SourceFile[] files)
    {
        var rooms = files.Where(file => !file.IsRegistration).GroupBy(file => file.Room).ToArray();
        var left = rooms.ToDictionary(
            room => room.Key,
            room
                => rooms.Where(other => other.Key != room.Key && room.Any(file => other.Any(file.Uses)))
                    .Select(other => other.Key)
                    .ToHashSet());
        while (left.FirstOrDefault(room => !room.Value.Overlaps(left.Keys)) is { Key: { } free })
        {
            left.Remove(free);
        }

        return string.Join(", ", left.Select(room => $"{room.Key} -> {string.Join("/", room.Value.Intersect(left.Keys))}"));
    }

    // A list or a block may begin on a line of its own after its arrow.
    [GeneratedRegex(@"^ *(?:public|private|internal|protected|static)\b[^\n]* =>\s*\n\s*[^\s{\[]", RegexOptions.Multiline)]
    private static partial Regex TrailingArrow();

    [GeneratedRegex(@"\]\(\.\./(src/[^)]+\.cs)\)")]
    private static partial Regex LinkedFile();
}
