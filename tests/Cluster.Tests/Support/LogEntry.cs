using System.Text.RegularExpressions;

namespace Cluster.Tests.Support;

/// <summary>An error that a silo logged.</summary>
/// <param name="Silo">Which silo.</param>
/// <param name="Category">Who in it.</param>
/// <param name="Text">What, with its exception.</param>
internal sealed partial record LogEntry(string Silo, string Category, string Text)
{
    /// <summary>The error on a line of the log; null where the line tells of something else.</summary>
    public static LogEntry? Find(string silo, string line)
        => ErrorLine().Match(line) is { Success: true } match ? new(silo, match.Groups[1].Value, match.Groups[2].Value) : null;

    [GeneratedRegex(@"^\S+ (?:fail|crit): ([^\[]+)\[-?\d+\] (.*)$")]
    private static partial Regex ErrorLine();
}
