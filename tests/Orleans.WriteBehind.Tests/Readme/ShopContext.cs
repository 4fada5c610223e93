using Microsoft.EntityFrameworkCore;

namespace Orleans.WriteBehind.Tests.Readme;

/// <summary>The model of the README's examples.</summary>
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var stock = modelBuilder.Entity<Stock>();
        stock.Property<string>("Sku");
        stock.HasKey("Sku");
        stock.HasWriteBehindVersion();
        modelBuilder.AddWriteBehindDocuments();
    }
}
