namespace Embedded;

/// <summary>A delivery (positive) or a sale (negative).</summary>
internal sealed record StockMovement(long Amount);
