using System.Globalization;
using System.Text.RegularExpressions;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Docs;

/// <summary>docs/guarantees.md names tests and sources: they must be there.</summary>
public sealed partial class GuaranteesTests
{
    private static readonly int[] Cases = [.. Enumerable.Range(1, 23)];

    private static readonly string Text = File.ReadAllText(Path.Combine(Sources.Root, "docs/guarantees.md"));

    [Fact]
    public void Every_test_that_it_names_exists()
    {
        var tests = TestsInSource();
        var named = TestName().Matches(Text).Select(match => match.Groups[1].Value).ToArray();

        Assert.True(named.Length > 50, $"Only {named.Length} names were found.");
        Assert.Empty(named.Except(tests));
    }

    [Fact]
    public void Every_case_has_a_test()
    {
        var cases = Text.Split("\n## ").Single(section => section.StartsWith("The cases\n", StringComparison.Ordinal));
        var rows = Case().Matches(cases).ToDictionary(
            match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), match => TestName().Count(match.Value));

        Assert.Equal(Cases, rows.Keys.Order());
        Assert.All(rows.Values, tests => Assert.True(tests > 0));
    }

    [Fact]
    public void Every_file_that_it_links_to_exists()
    {
        var links = Link().Matches(Text).Select(match => match.Groups[1].Value).ToArray();

        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(File.Exists(Path.Combine(Sources.Root, "docs", link)), link));
    }

    /// <summary>All tests of all test projects as Class.Method, from the sources: this assembly does not know the others.</summary>
    private static HashSet<string> TestsInSource()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var files = Directory.EnumerateFiles(Path.Combine(Sources.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories);
        foreach (var file in files.Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")))
        {
            var type = Path.GetFileNameWithoutExtension(file);
            names.Add(type);
            names.UnionWith(TestMethod().Matches(File.ReadAllText(file)).Select(match => $"{type}.{match.Groups[1].Value}"));
        }

        return names;
    }

    [GeneratedRegex(@"`(\w+Tests(?:\.\w+)?)`")]
    private static partial Regex TestName();

    // From its heading to the next one.
    [GeneratedRegex(@"^### (\d+)\. [^#]*", RegexOptions.Multiline)]
    private static partial Regex Case();

    [GeneratedRegex(@"\]\(([^)#:]+)\)")]
    private static partial Regex Link();

    // From [Fact] or [Theory] over further attributes to the method's name.
    [GeneratedRegex(@"\[(?:Fact|Theory)\](?:\s*\[[^\n]*\])*\s*public (?:async )?\w+ (\w+)\(")]
    private static partial Regex TestMethod();
}
