using WriteBehind.Status;

namespace WriteBehind.AspNetCore.Documents;

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
