namespace Silo.Contracts;

/// <summary>The stock of one product; its key is the product.</summary>
[Alias("silo.stock")]
public interface IStockGrain : IGrainWithStringKey
{
    /// <summary>The acknowledged stock; null for a product that was never moved.</summary>
    [Alias("get")]
    Task<StockLevel?> GetAsync();

    /// <summary>Takes pieces that are promised to somebody.</summary>
    /// <exception cref="InsufficientStockException">There are fewer; nothing was taken.</exception>
    /// <exception cref="InvalidAmountException">The quantity is not above 0.</exception>
    [Alias("reserve")]
    Task<StockLevel> ReserveAsync(long quantity);

    /// <summary>
    /// Takes pieces for an order that is paid. When it returns, PostgreSQL has it as well, for the programs that read there what is to be
    /// sent. Everything else about stock may be a second late there.
    /// </summary>
    /// <exception cref="InsufficientStockException">There are fewer; nothing was taken.</exception>
    /// <exception cref="InvalidAmountException">The quantity is not above 0.</exception>
    /// <exception cref="WriteBehind.WriteThroughException">The pieces are taken, but PostgreSQL does not have it yet. Do not order
    /// again.</exception>
    [Alias("order")]
    Task<StockLevel> OrderAsync(long quantity);

    /// <summary>Puts pieces back that had been reserved.</summary>
    /// <exception cref="InvalidAmountException">The quantity is not above 0, or more than can be counted.</exception>
    [Alias("release")]
    Task<StockLevel> ReleaseAsync(long quantity);

    /// <summary>Adds pieces that were delivered.</summary>
    /// <exception cref="InvalidAmountException">The quantity is not above 0, or more than can be counted.</exception>
    [Alias("restock")]
    Task<StockLevel> RestockAsync(long quantity);

    /// <summary>
    /// Books a movement that has taken place already: a delivery note, a till's receipt, a correction. It is a fact, so it is not refused.
    /// Where a sale is booked before the delivery it came from, the books are below zero until they have caught up, and reservations are
    /// refused meanwhile.
    /// </summary>
    /// <exception cref="InvalidAmountException">More than can be counted.</exception>
    [Alias("book")]
    Task<StockLevel> BookAsync(long amount);
}
