using Microsoft.EntityFrameworkCore;

namespace Orleans.WriteBehind.Tests.Support;

/// <summary>The model of the test grains' states.</summary>
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Stock>(stock =>
        {
            stock.ToTable("stock", table => table.HasCheckConstraint("quantity_not_negative", "\"Quantity\" >= 0"));
            stock.Property<string>("Sku");
            stock.HasKey("Sku");
            stock.HasWriteBehindVersion();
        });
        modelBuilder.Entity<Views>(views =>
        {
            views.ToTable("views");
            views.Property<long>("Id").ValueGeneratedNever();
            views.HasKey("Id");
            views.HasWriteBehindVersion();
        });
        modelBuilder.Entity<Player>(player =>
        {
            player.ToTable("player");
            player.Property<Guid>("Id").ValueGeneratedNever();
            player.HasKey("Id");
            player.HasWriteBehindVersion();
        });
        modelBuilder.Entity<Seat>(seat =>
        {
            seat.ToTable("seat");
            seat.Property<long>("Show");
            seat.Property<string>("Place");
            seat.HasKey("Show", "Place");
            seat.HasWriteBehindVersion();
        });
        modelBuilder.AddWriteBehindDocuments();
    }
}
