namespace Proof.Verification;

/// <summary>A row of the service's table.</summary>
public readonly record struct StockRow(long Quantity, long Movements);
