using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>A health report as JSON has it.</summary>
internal sealed record HealthDocument(HealthStatus Status, double Seconds, IReadOnlyDictionary<string, HealthEntryDocument> Checks)
{
    /// <summary>Descriptions may quote errors of the database; they are left out for callers that may not see them.</summary>
    public static HealthDocument From(HealthReport report, bool withDescriptions) => new(
        report.Status,
        report.TotalDuration.TotalSeconds,
        report.Entries.ToDictionary(
            entry => entry.Key,
            entry => new HealthEntryDocument(entry.Value.Status, withDescriptions ? entry.Value.Description : null)));
}
