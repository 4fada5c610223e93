using Embedded.Profiles;
using Microsoft.EntityFrameworkCore;

namespace Embedded;

/// <summary>The model. The engine builds its bulk statements from it and needs one thing more than the state: a version per row.</summary>
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Stock> Stock => Set<Stock>();

    public DbSet<Profile> Profiles => Set<Profile>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.HasDefaultSchema("shop");
        modelBuilder.Entity<Stock>(stock =>
        {
            stock.ToTable("stock");
            stock.HasKey(row => row.Id);
            stock.Property(row => row.Id).HasColumnName("id");
            stock.Property(row => row.Quantity).HasColumnName("quantity");
            stock.Property(row => row.Movements).HasColumnName("movements");
            stock.HasWriteBehindVersion(columnName: "version");
        });
        modelBuilder.Entity<Profile>(profile =>
        {
            profile.ToTable("profiles");
            profile.HasKey(row => row.Id);
            profile.Property(row => row.Id).HasColumnName("id");
            profile.Property(row => row.Name).HasColumnName("name");
            profile.Property(row => row.City).HasColumnName("city");
            profile.HasWriteBehindVersion(columnName: "version");
        });
    }
}
