using System.Text.RegularExpressions;
using WriteBehind.Tests.House;

namespace WriteBehind.Tests.Docs;

/// <summary>Links between the documents of this repository lead somewhere.</summary>
public sealed partial class LinkTests
{
    public static TheoryData<string> Pages => [.. SourceTree.Files("", ".md")];

    [Fact]
    public void The_documents_are_found()
    {
        var pages = SourceTree.Files("", ".md");

        Assert.Subset(
            pages.ToHashSet(), new HashSet<string> { "README.md", "docs/runbook.md", "deploy/README.md", "src/WriteBehind/README.md" });
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_to_a_file_and_every_anchor_to_a_heading(string page) => Assert.Empty(Dead(page, SourceTree.Read(page)));

    [Theory]
    [InlineData("see [this](nowhere.md)")]
    [InlineData("see [this](operations.md#no-such-heading)")]
    [InlineData("see [this](#no-such-heading)")]
    public void A_dead_link_is_seen(string text) => Assert.NotEmpty(Dead("docs/faq.md", text));

    private static IEnumerable<string> Dead(string page, string text)
    {
        foreach (Match link in Link().Matches(Fenced().Replace(text, "")))
        {
            var (file, anchor) = (link.Groups[1].Value, link.Groups[2].Value);
            var target = file.Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, file);
            var full = Path.GetFullPath(Path.Combine(SourceTree.Root, target));
            if (!Path.Exists(full))
            {
                yield return $"{page} -> {file}";
            }
            else if (anchor.Length > 0 && !Headings(file.Length == 0 ? text : File.ReadAllText(full)).Contains(anchor[1..]))
            {
                yield return $"{page} -> {file}{anchor}";
            }
        }
    }

    // As the usual sites make anchors of headings: lower case, no punctuation, hyphens for spaces.
    private static HashSet<string> Headings(string text)
        => [.. Heading().Matches(Fenced().Replace(text, ""))
            .Select(match => Punctuation().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'))];

    // Links to the web are not followed.
    [GeneratedRegex(@"\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();
}
