namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>The plain case: a generated integer key, a shadow version, constraints to break.</summary>
public sealed class Product
{
    public int Id { get; set; }

    public string Name { get; set; } = "";

    public int Stock { get; set; }

    public string? Sku { get; set; }
}
