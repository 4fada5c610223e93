using System.Runtime.CompilerServices;

namespace Orleans.WriteBehind.Tests.Readme;

public sealed class DocumentTests
{
    [Theory]
    [InlineData("README.md", "IStockGrain.cs", "grain")]
    [InlineData("README.md", "ReadmeSilo.cs", "silo")]
    [InlineData("README.md", "ReadmeSilo.cs", "storage")]
    [InlineData("README.md", "ReadmeTests.cs", "once")]
    [InlineData("README.md", "InMemoryTests.cs", "testing")]
    [InlineData("src/Orleans.WriteBehind.Testing/README.md", "InMemoryTests.cs", "testing")]
    [InlineData("src/Orleans.WriteBehind/README.md", "IStockGrain.cs", "grain")]
    [InlineData("src/Orleans.WriteBehind/README.md", "ReadmeSilo.cs", "silo")]
    [InlineData("src/Orleans.WriteBehind/README.md", "ReadmeSilo.cs", "storage")]
    [InlineData("docs/orleans.md", "IStockGrain.cs", "grain")]
    [InlineData("docs/orleans.md", "ReadmeSilo.cs", "silo")]
    [InlineData("docs/orleans.md", "ReadmeSilo.cs", "storage")]
    [InlineData("docs/orleans.md", "ReadmeSilo.cs", "migration")]
    [InlineData("docs/orleans.md", "ProfileGrain.cs", "profile")]
    public async Task The_documents_show_the_examples_word_for_word(string page, string file, string name)
    {
        var source = await File.ReadAllTextAsync(PathOf(file));
        var document = await File.ReadAllTextAsync(PathOf("../../../" + page));

        var lines = source.Split($"// <readme:{name}>\n")[1].Split($"// </readme:{name}>")[0].TrimEnd().Split('\n');
        var indent = lines[0].Length - lines[0].TrimStart().Length;
        var example = string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : line));

        Assert.Contains("```csharp\n" + example + "\n```", document, StringComparison.Ordinal);
    }

    private static string PathOf(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
