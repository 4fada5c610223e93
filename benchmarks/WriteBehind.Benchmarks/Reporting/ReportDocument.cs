using WriteBehind.Benchmarks.Measuring;

namespace WriteBehind.Benchmarks.Reporting;

/// <summary>A report as JSON.</summary>
/// <param name="Machine">What was measured on.</param>
/// <param name="Settings">Whether the run was quick or full.</param>
/// <param name="Results">The medians.</param>
/// <param name="Goals">The goals, and what they came to.</param>
public sealed record ReportDocument(
    IReadOnlyDictionary<string, string> Machine,
    string Settings,
    IReadOnlyList<Measurement> Results,
    IReadOnlyList<Goal> Goals);
