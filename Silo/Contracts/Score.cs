namespace Silo.Contracts;

/// <summary>The score of a player in a game.</summary>
/// <param name="Points">The points.</param>
/// <param name="Best">The most points the player had at any time.</param>
/// <param name="Version">The version of the acknowledged state.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.score-value")]
public sealed record Score([property: Id(0)] long Points, [property: Id(1)] long Best, [property: Id(2)] long Version);
