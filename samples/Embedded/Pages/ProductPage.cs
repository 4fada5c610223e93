namespace Embedded.Pages;

/// <summary>
/// A product page as it is shown: dear to make, the same for everybody, and a few seconds old (up to a minute while PostgreSQL is away).
/// </summary>
internal sealed record ProductPage(string Product, long Quantity, long Rank, long Products, DateTimeOffset MadeAt);
