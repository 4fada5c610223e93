namespace Silo.Contracts.Operations;

/// <summary>A dead letter with its state.</summary>
/// <param name="Letter">The letter.</param>
/// <param name="IsDelete">Whether it is a delete that was rejected; then there is no state.</param>
/// <param name="State">The state, as JSON; in base 64 where it is none.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.dead-letter-content")]
public sealed record DeadLetterContent(
    [property: Id(0)] DeadLetterInfo Letter, [property: Id(1)] bool IsDelete, [property: Id(2)] string? State);
