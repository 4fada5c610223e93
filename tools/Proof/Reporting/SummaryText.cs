using System.Globalization;

namespace Proof.Reporting;

/// <summary>The summary as text.</summary>
public static class SummaryText
{
    public static IEnumerable<string> Lines(Summary summary)
    {
        var figures = summary.Figures;
        yield return "";
        yield return $"Summary ({figures.Mode}{(summary.Crashed ? ", with a crash half-way" : "")})";
        yield return Line("acknowledged writes", $"{figures.AckedWrites:N0} ({figures.AckedPerSecond:N0}/s)");
        yield return Line("acknowledgement", $"median {figures.P50Ms:0.0##} ms, 99th percentile {figures.P99Ms:0.0##} ms");
        yield return Line("database rows written", $"{figures.RowsWritten:N0} ({WritesPerRow(figures)} writes per row)");
        yield return Line("clean after", $"{figures.SecondsUntilClean:0.0##} s");
        yield return Line("entities", $"{figures.Entities:N0}");
        yield return Line("outcome unknown", $"{summary.Unknown:N0}");
        yield return Line("refused", $"{summary.Refused:N0}");
        foreach (var reason in summary.FailureReasons)
        {
            yield return $"    {reason}";
        }

        yield return Line("dead letters", $"{figures.DeadLetters:N0}");
        yield return Line("bad rows", $"{figures.BadRows:N0}");
        foreach (var row in summary.FirstBadRows)
        {
            yield return Invariant($"    line {row.Line}: {row.Problem}");
        }

        if (figures.BadRows > summary.FirstBadRows.Count)
        {
            yield return Invariant($"    and {figures.BadRows - summary.FirstBadRows.Count:N0} more");
        }

        yield return Line("mismatches", $"{figures.Mismatches:N0}");
        foreach (var mismatch in summary.FirstMismatches)
        {
            yield return $"    {mismatch.Id}: {mismatch.Difference}";
        }

        if (figures.Mismatches > summary.FirstMismatches.Count)
        {
            yield return Invariant($"    and {figures.Mismatches - summary.FirstMismatches.Count:N0} more");
        }

        yield return "";
        yield return summary.IsVerified
            ? "VERIFIED: PostgreSQL holds exactly what was acknowledged."
            : "FAILED: PostgreSQL does not hold what was acknowledged.";
    }

    private static string WritesPerRow(Figures figures)
        => figures.RowsWritten == 0 ? "no" : Invariant($"{(double)figures.AckedWrites / figures.RowsWritten:0.0}");

    private static string Line(string name, FormattableString value) => $"  {name,-23} {FormattableString.Invariant(value)}";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
