namespace Chaos.Mutants;

/// <summary>A part of the protocol that can be switched off in a copy of the sources, to see that its lack is found.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Without">What is missing then.</param>
/// <param name="Faults">The faults under which its lack shows soonest; empty for any.</param>
/// <param name="Edits">How the sources are changed.</param>
internal sealed record Mutant(string Name, string Without, string Faults, params IReadOnlyList<Edit> Edits)
{
    private const string Write = "src/WriteBehind/Buffer/WriteCall.cs";
    private const string Claims = "src/WriteBehind/Buffer/Claims.cs";
    private const string Statements = "src/WriteBehind.EntityFrameworkCore/Saving/BulkStatements.cs";

    public static IReadOnlyList<Mutant> All { get; } =
    [
        new(
            "settle",
            "the settle's check that the entity still holds the write just saved",
            "link-cut",
            new Edit(
                "src/WriteBehind/Buffer/Settler.cs",
                """Condition.HashEqual(_keys[item.Shard].Entity(item.Id), "w", item.Nonce)""",
                "§settle ? Condition.KeyExists(_keys[item.Shard].Entity(item.Id)) : #")),
        new(
            "fence",
            "the fence: the version of what was flushed and has left Redis",
            "link-cut",
            Lua(Write, "current, by, failure = fence(KEYS[key + 2])", "fence", "current, by, failure = nil, nil, nil")),
        new(
            "version-guard",
            "the version guard in SQL",
            "link-answers-lost,process-killed",
            Sql("t.{version} < excluded.{version}", "version-guard", "true"),
            Sql("t.{version} < i.v", "version-guard", "true")),
        new(
            "deadline",
            "the deadline in SQL",
            "link-slower,backends-frozen",
            Sql("WHERE clock_timestamp() < {deadline}", "deadline", "WHERE {deadline}::timestamptz IS NOT NULL"),
            Sql("AND clock_timestamp() < {deadline}", "deadline", "AND {deadline}::timestamptz IS NOT NULL"),
            Sql("clock_timestamp() < ${versionParameter + 1}", "deadline", "${versionParameter + 1}::timestamptz IS NOT NULL")),
        new(
            "claims",
            "claims: one flusher of an entity at a time",
            "link-slow,backends-frozen",
            new Edit(Claims, "    private const string Text = \"\"\"", "    private static readonly string Text = $$\"\"\""),
            Lua(Claims, "top[1] and redis.call('ZSCORE', KEYS[1], id)", "claims", "false"),
            new Edit(Claims, "new(\"\"\"\n        local pause =", "new($$\"\"\"\n        local pause ="),
            Lua(Claims, "claim and tonumber(claim) > held", "claims", "false")),
        new(
            "dirty-mark",
            "the dirty mark",
            "link-cut",
            Lua(Write, "redis.call('ZADD', dirty, mark, id)", "dirty-mark", "")),
        new(
            "nonce",
            "the nonce, by which a write that is sent again is known",
            "link-answers-lost",
            Lua(Write, "by == nonce", "nonce", "false"),
            new Edit(
                "src/WriteBehind/Writing/EntityWriter.cs", "reply.Status != WriteStatus.Ok && unknown", "# && !§nonce")),
        new(
            "equal-version",
            "the comparison of the content where the row has the very version",
            "link-cut",
            new Edit("src/WriteBehind.EntityFrameworkCore/Saving/ISaver.cs", "stored == version && !isSame", "# && !§equal-version")),
        new(
            "memo",
            "the memos of operations",
            "link-answers-lost",
            new Edit(
                Write,
                "(operations ? OperationLua.OfEntity : \"\")",
                "(!operations ? \"\" : §memo ? OperationLua.OfEntity.Replace(\"status = 'known'\", \"status = 'ok'\") " +
                ": OperationLua.OfEntity)")),
    ];

    /// <summary>A part of a script that is an interpolated raw text with two braces.</summary>
    private static Edit Lua(string file, string text, string mutant, string instead)
        => new(file, text, $$$"""{{(§{{{mutant}}} ? "{{{instead}}}" : "#")}}""");

    /// <summary>A part of a statement, with its own interpolations.</summary>
    private static Edit Sql(string text, string mutant, string instead)
        => new(Statements, text, $$"""{(§{{mutant}} ? $"{{instead}}" : $"#")}""");
}

/// <summary>A change of a source: a text that stands there once, and what comes in its place.</summary>
/// <param name="File">Which, from the root of the repository.</param>
/// <param name="Text">What stands there.</param>
/// <param name="Instead">
/// What comes in its place. <c>#</c> stands for the text itself, <c>§</c> with a name for whether that mutant is switched on.
/// </param>
internal sealed record Edit(string File, string Text, string Instead)
{
    /// <exception cref="InvalidOperationException">The source has changed: the text is not there, or more than once.</exception>
    public string Apply(string source)
    {
        var at = source.IndexOf(Text, StringComparison.Ordinal);
        return at < 0 || source.IndexOf(Text, at + 1, StringComparison.Ordinal) >= 0
            ? throw new InvalidOperationException($"{File} must have this once, for the mutants: {Text}")
            : source.Replace(Text, Switch(Instead).Replace("#", Text, StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private static string Switch(string text)
        => System.Text.RegularExpressions.Regex.Replace(text, "§([a-z-]+)", "global::WriteBehind.Mutation.Is(\"$1\")");
}
