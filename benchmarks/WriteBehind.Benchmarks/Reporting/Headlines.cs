using System.Globalization;
using WriteBehind.Benchmarks.Measuring;

namespace WriteBehind.Benchmarks.Reporting;

/// <summary>The headline table of the README.</summary>
internal static class Headlines
{
    /// <summary>Which measurements make a headline: a group, the case in it, and what it shows.</summary>
    private static readonly (int Group, string Case, string What)[] Rows =
    [
        (1, "", "Acknowledged writes of 5,000 grains"),
        (11, "", "The same over TCP in a cluster of three silos"),
        (2, "", "Acknowledged writes of one hot grain"),
        (3, "", "The same without grains, 5,000 entities"),
        (4, "insert 5,000", "Rows inserted in PostgreSQL, 5,000 at a time"),
        (4, "update 5,000", "Rows updated in PostgreSQL, 5,000 at a time"),
        (5, "", "Entities from dirty to clean, out of Redis"),
        (8, "", "Cold activations"),
        (10, "cold stampede", "Reads of a cold key by a thousand at once"),
        (10, "hot get", "Reads of cached entries"),
        (10, "limiter, 1,000 callers", "Decisions of an exact rate limit, 1,000 callers"),
    ];

    public static string Of(ReportDocument report)
    {
        List<string> lines = ["| per second | baseline | this project | ratio |", "|---|---|---|---|"];
        foreach (var (group, test, what) in Rows)
        {
            var measured = report.Results.Where(result => result.Group == group && result.Case == test).ToArray();
            if (measured.FirstOrDefault(result => result.IsBaseline) is { } baseline
                && measured.FirstOrDefault(result => result.Name.StartsWith(ContenderNames.Own, StringComparison.Ordinal)) is { } own)
            {
                lines.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {what} | {baseline.OpsPerSecond:N0} ({baseline.Name}){P99(baseline)} "
                        + $"| **{own.OpsPerSecond:N0}**{P99(own)} | {own.Ratio:0.00} |"));
            }
        }

        return $"{string.Join('\n', lines)}\n\n{report.Machine["processor"]}; {report.Settings} run, {report.Machine["measured"]}, "
            + $"load before {report.Machine["load before"]}.\n";
    }

    private static string P99(Measurement measured)
        => measured.P99Ms is { } p99 ? string.Create(CultureInfo.InvariantCulture, $", p99 {p99:0.0} ms") : "";
}
