namespace Silo.Contracts.Operations;

/// <summary>Something an operator did.</summary>
/// <param name="At">When.</param>
/// <param name="Action">What, with its outcome.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.journal-entry")]
public sealed record JournalEntry([property: Id(0)] DateTimeOffset At, [property: Id(1)] string Action);
