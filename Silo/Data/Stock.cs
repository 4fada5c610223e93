namespace Silo.Data;

/// <summary>The state of a product: how much is in stock, and how many movements led there.</summary>
public sealed record Stock(string Id, long Quantity, long Movements)
{
    /// <summary>The stock after a movement; negative amounts leave the shop.</summary>
    /// <exception cref="OverflowException">The quantity would no longer fit.</exception>
    public Stock Move(long amount) => this with { Quantity = checked(Quantity + amount), Movements = Movements + 1 };
}
