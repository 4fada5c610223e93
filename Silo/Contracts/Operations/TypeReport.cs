namespace Silo.Contracts.Operations;

/// <summary>The backlog of one entity type, of all silos together, as Redis has it.</summary>
/// <param name="Type">Its name.</param>
/// <param name="Dirty">Entities with unflushed writes.</param>
/// <param name="OldestDirtyAge">How long ago the oldest of them was made; null where nothing is dirty.</param>
/// <param name="MaxAge">The age it should never exceed.</param>
/// <param name="MaxDirty">The bound of dirty entities and dead letters together.</param>
/// <param name="DeadLetters">Entities set aside because PostgreSQL rejected them.</param>
/// <param name="LastError">The error that opened the circuit breaker, or that of its last probe; null while it is closed.</param>
/// <param name="Rates">What all silos together do per second.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.type-report")]
public sealed record TypeReport(
    [property: Id(0)] string Type,
    [property: Id(1)] long Dirty,
    [property: Id(2)] TimeSpan? OldestDirtyAge,
    [property: Id(3)] TimeSpan MaxAge,
    [property: Id(4)] long MaxDirty,
    [property: Id(5)] long DeadLetters,
    [property: Id(6)] string? LastError,
    [property: Id(7)] RateReport Rates);
