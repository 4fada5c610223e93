namespace Silo.Contracts;

/// <summary>The views of a page.</summary>
/// <param name="Count">How many.</param>
/// <param name="Version">The version of the acknowledged state.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.views-count")]
public sealed record Views([property: Id(0)] long Count, [property: Id(1)] long Version);
