namespace Silo.Contracts;

/// <summary>The stock of a product.</summary>
/// <param name="Quantity">Pieces that can be reserved.</param>
/// <param name="Movements">How many movements led there.</param>
/// <param name="Version">The version of the acknowledged state; in the answer to a movement, of the one that brought it, perhaps with
/// movements after it.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.stock-level")]
public sealed record StockLevel([property: Id(0)] long Quantity, [property: Id(1)] long Movements, [property: Id(2)] long Version);
