namespace Silo.Contracts.Operations;

/// <summary>What a flush did.</summary>
/// <param name="Flushed">Entities that became clean.</param>
/// <param name="Remaining">Of what was dirty at the call, entities still dirty, by type; types with none are left out. They are safe in
/// Redis.</param>
/// <param name="Rejected">Entities that PostgreSQL rejected, as type and id; at most the first 100 of each type.</param>
/// <param name="Dirty">All entities that were dirty at the end, also by writes since the call, by type; null where Redis could not be
/// asked.</param>
/// <param name="Uncounted">Types of which nobody knows how much is left, as Redis does not answer, refuses, or came back empty. Unknown is
/// not zero. Null where an older silo answered, which can't tell.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.flush-result")]
public sealed record FlushSummary(
    [property: Id(0)] long Flushed,
    [property: Id(1)] IReadOnlyDictionary<string, long> Remaining,
    [property: Id(2)] IReadOnlyList<string> Rejected,
    [property: Id(3)] IReadOnlyDictionary<string, long>? Dirty,
    [property: Id(4)] IReadOnlyList<string>? Uncounted = null)
{
    /// <summary>Whether all that was dirty at the call was counted.</summary>
    public bool IsCounted => Uncounted is not { Count: > 0 };
}
