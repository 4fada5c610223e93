namespace WriteBehind.Benchmarks.Model;

/// <summary>The state that every contender writes: about 170 bytes of JSON.</summary>
public sealed class Product
{
    public string Id { get; set; } = "";

    public string Name { get; set; } = "";

    public string Category { get; set; } = "";

    public long Quantity { get; set; }

    public long Reserved { get; set; }

    public decimal Price { get; set; }

    public DateTime UpdatedAt { get; set; }

    public static Product New(string id) => new()
    {
        Id = id,
        Name = $"White hanging heart T-light holder {id}",
        Category = "Home and garden",
        Quantity = 1_000,
        Price = 2.55m,
        UpdatedAt = DateTime.UtcNow,
    };

    /// <summary>A movement of stock, in place.</summary>
    public Product Add(long quantity)
    {
        Quantity += quantity;
        UpdatedAt = DateTime.UtcNow;
        return this;
    }
}
