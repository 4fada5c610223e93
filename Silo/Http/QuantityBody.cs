namespace Silo.Http;

/// <summary>How many pieces.</summary>
internal sealed record QuantityBody(long Quantity);
