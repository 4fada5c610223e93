using System.Text.RegularExpressions;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.House;

/// <summary>The sources of this repository, as text.</summary>
internal static partial class SourceTree
{
    private static readonly string[] NotSources = ["bin", "obj", ".git", ".local"];

    /// <summary>The repository.</summary>
    public static string Root => Sources.Root;

    /// <summary>All files with this ending below a folder, with their paths from the repository's root.</summary>
    public static IReadOnlyList<string> Files(string folder, string ending)
        => [.. Directory.EnumerateFiles(Path.Combine(Root, folder), "*" + ending, SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(NotSources.Contains))
            .Order(StringComparer.Ordinal)];

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    /// <summary>The lines of a file, without the empty one after the last line break.</summary>
    public static IReadOnlyList<string> Lines(string file) => File.ReadAllLines(Path.Combine(Root, file));

    /// <summary>The code without comments and without what stands in texts.</summary>
    public static string Bare(string code) => Noise().Replace(code, match => match.Value.StartsWith('/') ? "" : "\"\"");

    // In this order: raw texts, plain texts, characters (a quotation mark may be one), comments.
    [GeneratedRegex(@"""{3}[\s\S]*?""{3}|@""(?:[^""]|"""")*""|""(?:[^""\\\n]|\\.)*""|'(?:[^'\\\n]|\\.[^'\n]*)'|//[^\n]*|/\*[\s\S]*?\*/")]
    private static partial Regex Noise();
}
