namespace WriteBehind.Status;

/// <summary>How one entity type is doing: the backlog as Redis has it, counters and rates as this process has them.</summary>
/// <param name="Type">The registered name.</param>
/// <param name="Dirty">Entities with unflushed writes.</param>
/// <param name="OldestDirtyAge">How long ago the oldest unflushed write was made; null where nothing is dirty.</param>
/// <param name="MaxAge">The age it should never exceed.</param>
/// <param name="MaxDirty">The bound of <paramref name="Dirty"/> and <paramref name="DeadLetters"/> together.</param>
/// <param name="DeadLetters">Entities set aside because the database rejected them.</param>
/// <param name="Breaker">The state of the circuit breaker before the database.</param>
/// <param name="LastError">
/// The error that opened the circuit breaker, or that of its last probe, without secrets; null while it is closed. What the database says of
/// single entities or of a table that is missing (that is in the dead letters), and errors of Redis, do not show here.
/// </param>
/// <param name="Counters">What this process did since it started.</param>
/// <param name="Rates">What it did per second lately.</param>
public sealed record TypeStatus(
    string Type,
    long Dirty,
    TimeSpan? OldestDirtyAge,
    TimeSpan MaxAge,
    long MaxDirty,
    long DeadLetters,
    BreakerState Breaker,
    string? LastError,
    TypeCounters Counters,
    TypeRates Rates);
