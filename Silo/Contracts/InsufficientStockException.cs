using System.Globalization;

namespace Silo.Contracts;

/// <summary>There are fewer pieces than were to be reserved.</summary>
[GenerateSerializer]
[Alias("silo.insufficient-stock")]
public sealed class InsufficientStockException : RefusedException
{
    /// <summary>Creates the error.</summary>
    public InsufficientStockException(string product, long available, long requested)
        : base(string.Create(CultureInfo.InvariantCulture, $"{requested} pieces of '{product}' can't be reserved: there are {available}."))
        => (Product, Available, Requested) = (product, available, requested);

    /// <summary>The product.</summary>
    [Id(0)]
    public string Product { get; private set; }

    /// <summary>How many there are.</summary>
    [Id(1)]
    public long Available { get; private set; }

    /// <summary>How many were asked for.</summary>
    [Id(2)]
    public long Requested { get; private set; }
}
