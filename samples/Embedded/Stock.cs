namespace Embedded;

/// <summary>How much of a product is in stock, and how many movements led there.</summary>
public sealed record Stock(string Id, long Quantity, long Movements)
{
    /// <summary>The stock after a movement; negative amounts leave the shop.</summary>
    /// <exception cref="OverflowException">The quantity would no longer fit.</exception>
    public Stock Move(long amount) => this with { Quantity = checked(Quantity + amount), Movements = Movements + 1 };

    /// <summary>
    /// The change that a movement makes, in the form that <c>IEntityStore.UpdateAsync</c> takes. The first one creates the product.
    /// </summary>
    public static Func<Stock?, Stock?> Movement(string id, long amount) => stock => (stock ?? new Stock(id, 0, 0)).Move(amount);
}
