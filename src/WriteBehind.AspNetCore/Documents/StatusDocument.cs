using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>The status as JSON has it: durations are seconds.</summary>
internal sealed record StatusDocument(
    IReadOnlyList<TypeDocument> Types, DurabilityStatus Durability, IReadOnlyList<LoopStatus> Loops)
{
    public static StatusDocument From(EngineStatus status)
        => new([.. status.Types.Select(TypeDocument.From)], status.Durability, status.Loops);
}

/// <summary>
/// The status of one entity type as JSON has it. Whose figures they are it says itself: a reader who sums the backlog over processes
/// counts it several times.
/// </summary>
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
    TypeRates Rates,
    DateTimeOffset? BacklogAt,
    DateTimeOffset? ShardsApartUntil,
    FigureScopes Scopes)
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
        status.Rates,
        status.BacklogAt,
        status.ShardsApartUntil,
        FigureScopes.Are);
}

/// <summary>Whose the figures of a type are.</summary>
/// <param name="AllProcesses">What Redis has: the same whichever process is asked.</param>
/// <param name="ThisProcess">What the process that was asked has seen since it started.</param>
internal sealed record FigureScopes(IReadOnlyList<string> AllProcesses, IReadOnlyList<string> ThisProcess)
{
    public static readonly FigureScopes Are = new(
        ["dirty", "oldestDirtyAgeSeconds", "deadLetters"], ["breaker", "lastError", "counters", "rates", "shardsApartUntil"]);
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

/// <summary>The documents' JSON. Fixed here, so that no setting of the host changes what operators' scripts rely on.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true)]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(DeadLetterList))]
[JsonSerializable(typeof(DeadLetterDocument))]
[JsonSerializable(typeof(DeadLetterAction))]
[JsonSerializable(typeof(FlushReport))]
[JsonSerializable(typeof(HealthDocument))]
internal sealed partial class WriteBehindJson : JsonSerializerContext;
