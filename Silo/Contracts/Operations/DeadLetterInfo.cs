namespace Silo.Contracts.Operations;

/// <summary>A dead letter.</summary>
/// <param name="Id">The entity.</param>
/// <param name="Version">The version that was not saved.</param>
/// <param name="Reason">Why it was set aside.</param>
/// <param name="Error">What PostgreSQL said.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="Since">When it was set aside.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.dead-letter")]
public sealed record DeadLetterInfo(
    [property: Id(0)] string Id,
    [property: Id(1)] long Version,
    [property: Id(2)] string Reason,
    [property: Id(3)] string Error,
    [property: Id(4)] int Attempts,
    [property: Id(5)] DateTimeOffset Since);
