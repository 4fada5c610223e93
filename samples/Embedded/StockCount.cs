namespace Embedded;

/// <summary>What a stocktaking found.</summary>
internal sealed record StockCount(long Quantity);
