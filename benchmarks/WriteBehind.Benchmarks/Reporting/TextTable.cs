using System.Globalization;
using WriteBehind.Benchmarks.Measuring;

namespace WriteBehind.Benchmarks.Reporting;

/// <summary>The table of a group for people.</summary>
public static class TextTable
{
    private const int FiguresIndent = 4;

    public static string[] Of(string unit, IEnumerable<Measurement> measurements)
    {
        ArgumentNullException.ThrowIfNull(measurements);
        var all = measurements.ToArray();
        if (all.Length == 0)
        {
            return [];
        }

        List<string?[]> rows = [["", $"{unit}/s", "ratio", "p50 ms", "p99 ms", "bytes/op", "own cpu µs", "Redis cpu µs", "spread"]];
        List<string?> figures = [null];
        foreach (var result in all)
        {
            rows.Add(
            [
                result.Case.Length > 0 ? $"{result.Case}: {result.Name}" : result.Name,
                Number(result.OpsPerSecond), Number(result.Ratio, "0.00"), Number(result.P50Ms, "0.000"), Number(result.P99Ms, "0.000"),
                Number(result.AllocatedBytesPerOp), Number(result.OwnCpuUsPerOp, "0.0"),
                Number(result.RedisCpuUsPerOp, "0.0"), Number(result.Spread, "0%"),
            ]);
            figures.Add(result.Figures is { Count: > 0 } some
                ? string.Join(", ", some.Select(figure => $"{figure.Key} {Number(figure.Value, "#,0.##")}"))
                : null);
        }

        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column]?.Length ?? 0)).ToArray();
        return
        [
            .. rows.Zip(figures).SelectMany(pair =>
                pair.Second is null ? [Line(pair.First)] : new[] { Line(pair.First), new string(' ', FiguresIndent + 2) + pair.Second }),
        ];

        string Line(string?[] row) => "  " + string.Join("  ", row.Select(
            (cell, column) => column == 0 ? (cell ?? "").PadRight(widths[0]) : (cell ?? "").PadLeft(widths[column]))).TrimEnd();
    }

    private static string? Number(double? value, string format = "N0") => value?.ToString(format, CultureInfo.InvariantCulture);
}
