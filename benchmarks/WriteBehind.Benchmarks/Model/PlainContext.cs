using Microsoft.EntityFrameworkCore;

namespace WriteBehind.Benchmarks.Model;

/// <summary>The same table for those who save with EF Core alone.</summary>
public sealed class PlainContext(DbContextOptions<PlainContext> options) : DbContext(options)
{
    public DbSet<PlainProduct> Products => Set<PlainProduct>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.Entity<PlainProduct>(product =>
        {
            product.ToTable("products");
            product.Property(row => row.Id).HasColumnName("id");
            product.Property(row => row.Name).HasColumnName("name");
            product.Property(row => row.Category).HasColumnName("category");
            product.Property(row => row.Quantity).HasColumnName("quantity");
            product.Property(row => row.Reserved).HasColumnName("reserved");
            product.Property(row => row.Price).HasColumnName("price");
            product.Property(row => row.UpdatedAt).HasColumnName("updated_at");
            product.Property(row => row.Version).HasColumnName("version").ValueGeneratedNever();
        });
    }
}
