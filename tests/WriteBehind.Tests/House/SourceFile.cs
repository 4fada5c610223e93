using System.Text.RegularExpressions;

namespace WriteBehind.Tests.House;

/// <summary>What the house's rules ask of a source file of <c>src</c>.</summary>
internal sealed partial class SourceFile
{
    private readonly string _bare;

    /// <param name="path">Its path from the repository's root.</param>
    /// <param name="code">Its text.</param>
    public SourceFile(string path, string code)
    {
        (Path, _bare) = (path, SourceTree.Bare(code));
        Namespace = NamespaceLine().Match(_bare).Groups[1].Value;
        Usings = [.. UsingLine().Matches(_bare).Select(match => match.Groups[1].Value)];
        Types = [.. Declaration().Matches(_bare).Select(match => match.Groups[1].Value)];
        Extensions = [.. ExtensionMethod().Matches(_bare).Select(match => match.Groups[1].Value)];
        Words = [.. Word().Matches(_bare).Select(match => match.Value)];
        Called = [.. Call().Matches(_bare).Select(match => match.Groups[1].Value)];
    }

    public string Path { get; }

    public string Namespace { get; }

    /// <summary>The namespaces and types that it imports.</summary>
    public IReadOnlyList<string> Usings { get; }

    /// <summary>The types that it declares at the top.</summary>
    public HashSet<string> Types { get; }

    /// <summary>The extension methods that it declares.</summary>
    public HashSet<string> Extensions { get; }

    /// <summary>The package: the folder below src.</summary>
    public string Package => Path.Split('/')[1];

    /// <summary>Registration extensions are in the namespace of what they extend, and know everything that they put together.</summary>
    public bool IsRegistration => Path.EndsWith("Extensions.cs", StringComparison.Ordinal);

    /// <summary>The namespace that its folder asks for. A package of abstractions has that of the package it is taken out of.</summary>
    public string Folder => string.Join('.', [Package.Replace(".Abstractions", "", StringComparison.Ordinal), .. Folders]);

    /// <summary>The room: the folder below the package; empty for its face.</summary>
    public string Room => string.Join('.', Folders);

    private string[] Folders => Path.Split('/')[2..^1];

    private HashSet<string> Words { get; }

    private HashSet<string> Called { get; }

    /// <summary>
    /// Whether it uses something that the other declares: by an import, by a full name, or by a name that it sees without.
    /// </summary>
    public bool Uses(SourceFile other)
    {
        if (Usings.Any(used => (used == other.Namespace && !other.IsRegistration)
            || other.Types.Any(type => used == $"{other.Namespace}.{type}")))
        {
            return true;
        }

        var sees = Namespace == other.Namespace || Namespace.StartsWith(other.Namespace + ".", StringComparison.Ordinal)
            || Usings.Contains(other.Namespace);
        return (sees && (other.Types.Any(Words.Contains) || other.Extensions.Any(Called.Contains)))
            || (other.Room.Length > 0 && other.Types.Any(type => NamesInFull(other.Room, type)));
    }

    private bool NamesInFull(string room, string type)
        => _bare.Contains($"{room}.{type}", StringComparison.Ordinal) && Regex.IsMatch(_bare, $@"\b{room}\.{type}\b");

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^(?:global )?using (?:static )?(?:\w+ = )?(?:global::)?([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex UsingLine();

    [GeneratedRegex(@"^(?:(?:public|internal|file|static|sealed|abstract|partial|readonly|ref|unsafe) )*"
        + @"(?:class|struct|interface|enum|record(?: struct| class)?|delegate [\w<>\[\], ?.]+?) (\w+)\b", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\b(?:public|internal) static [\w<>\[\], ?.]+ (\w+)(?:<[^>(]*>)?\(\s*this ")]
    private static partial Regex ExtensionMethod();

    [GeneratedRegex(@"(?<!\.)\b[A-Z]\w*")]
    private static partial Regex Word();

    [GeneratedRegex(@"\.(\w+)(?:<[^>(]*>)?\(")]
    private static partial Regex Call();
}
