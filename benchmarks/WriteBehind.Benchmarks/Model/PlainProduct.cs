namespace WriteBehind.Benchmarks.Model;

/// <summary>The row of a <see cref="Product"/> for those who save with EF Core alone.</summary>
public sealed class PlainProduct
{
    public string Id { get; set; } = "";

    public string Name { get; set; } = "";

    public string Category { get; set; } = "";

    public long Quantity { get; set; }

    public long Reserved { get; set; }

    public decimal Price { get; set; }

    public DateTime UpdatedAt { get; set; }

    public long Version { get; set; }

    public static PlainProduct New(string id) => Of(Product.New(id));

    public static PlainProduct Of(Product product)
    {
        ArgumentNullException.ThrowIfNull(product);
        return new()
        {
            Id = product.Id,
            Name = product.Name,
            Category = product.Category,
            Quantity = product.Quantity,
            Reserved = product.Reserved,
            Price = product.Price,
            UpdatedAt = product.UpdatedAt,
        };
    }

    /// <summary>A movement of stock, in workspace.</summary>
    public void Add(long quantity)
    {
        Quantity += quantity;
        Version++;
        UpdatedAt = DateTime.UtcNow;
    }
}
