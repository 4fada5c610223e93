using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>The status as JSON has it: durations are seconds.</summary>
internal sealed record StatusDocument(
    IReadOnlyList<TypeDocument> Types, DurabilityStatus Durability, IReadOnlyList<LoopStatus> Loops)
{
    public static StatusDocument From(EngineStatus status)
        => new([.. status.Types.Select(TypeDocument.From)], status.Durability, status.Loops);
}

/// <summary>The status of one entity type as JSON has it.</summary>
internal sealed record TypeDocument(
    string Type,
    long Dirty,
    double? OldestDirtyAgeSeconds,
    double MaxAgeSeconds,
    long MaxDirty,
    long DeadLetters,
    BreakerState Breaker,
    string? LastError,
    TypeCounters Counters,
    TypeRates Rates)
{
    public static TypeDocument From(TypeStatus status) => new(
        status.Type,
        status.Dirty,
        status.OldestDirtyAge?.TotalSeconds,
        status.MaxAge.TotalSeconds,
        status.MaxDirty,
        status.DeadLetters,
        status.Breaker,
        status.LastError,
        status.Counters,
        status.Rates);
}

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

/// <summary>One health check's answer as JSON has it.</summary>
internal sealed record HealthEntryDocument(HealthStatus Status, string? Description);
