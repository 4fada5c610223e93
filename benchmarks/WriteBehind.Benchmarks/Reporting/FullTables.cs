using System.Globalization;
using System.Text;

namespace WriteBehind.Benchmarks.Reporting;

/// <summary>All results as Markdown.</summary>
internal static class FullTables
{
    public static string Of(ReportDocument report)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in report.Machine.Append(new("run", report.Settings)))
        {
            text.Append(CultureInfo.InvariantCulture, $"- {name}: {value}\n");
        }

        foreach (var group in report.Results.GroupBy(result => result.Group))
        {
            var unit = group.First().Unit;
            text.Append(CultureInfo.InvariantCulture, $"\n### Group {group.Key}\n\n")
                .Append(
                    CultureInfo.InvariantCulture,
                    $"| | {unit}/s | ratio | p50 ms | p99 ms | bytes/op | own cpu µs | Redis cpu µs | spread |\n")
                .Append("|---|---|---|---|---|---|---|---|---|\n");
            foreach (var result in group)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {(result.Case.Length > 0 ? $"{result.Case}: " : "")}{result.Name} ")
                    .Append(
                        CultureInfo.InvariantCulture,
                        $"| {result.OpsPerSecond:N0} | {result.Ratio:0.00} | {result.P50Ms:0.00} | {result.P99Ms:0.00} ")
                    .Append(
                        CultureInfo.InvariantCulture,
                        $"| {result.AllocatedBytesPerOp:N0} | {result.OwnCpuUsPerOp:0.0} | {result.RedisCpuUsPerOp:0.0} ")
                    .Append(CultureInfo.InvariantCulture, $"| {result.Spread:0%} |\n");
                if (result.Figures is { Count: > 0 } figures)
                {
                    var named = figures.Select(
                        figure => string.Create(CultureInfo.InvariantCulture, $"{figure.Key} {figure.Value:#,0.##}"));
                    text.Append("| ").AppendJoin(", ", named).Append(" | | | | | | | | |\n");
                }
            }

            var goals = report.Goals.Where(goal => goal.Group == group.Key).ToArray();
            if (goals.Length > 0)
            {
                text.Append('\n');
            }

            foreach (var goal in goals)
            {
                text.Append(CultureInfo.InvariantCulture, $"- {(goal.IsMet ? "met" : "**missed**")}: {goal.Text}: {goal.Measured}\n");
            }
        }

        return text.ToString();
    }
}
