using Microsoft.EntityFrameworkCore;

namespace WriteBehind.Benchmarks.Model;

/// <summary>The table that every contender writes to, as this project's users map it.</summary>
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("products");
            product.Property(row => row.Id).HasColumnName("id");
            product.Property(row => row.Name).HasColumnName("name");
            product.Property(row => row.Category).HasColumnName("category");
            product.Property(row => row.Quantity).HasColumnName("quantity");
            product.Property(row => row.Reserved).HasColumnName("reserved");
            product.Property(row => row.Price).HasColumnName("price");
            product.Property(row => row.UpdatedAt).HasColumnName("updated_at");
            product.HasWriteBehindVersion(columnName: "version");
        });
    }
}
