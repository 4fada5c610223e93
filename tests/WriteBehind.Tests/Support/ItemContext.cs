using Microsoft.EntityFrameworkCore;

namespace WriteBehind.Tests.Support;

/// <summary>
/// The model: <see cref="Item"/> in the table <c>items</c>, <see cref="Reading"/> in <c>readings</c>. Other states go to the generic table.
/// </summary>
public sealed class ItemContext(DbContextOptions<ItemContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var item = modelBuilder.Entity<Item>();
        item.ToTable("items", table => table.HasCheckConstraint("quantity_not_negative", "quantity >= 0"));
        item.Property<string>("Id").HasColumnName("id");
        item.HasKey("Id");
        item.Property(i => i.Quantity).HasColumnName("quantity");
        item.Property(i => i.Note).HasColumnName("note").HasMaxLength(20);
        item.HasWriteBehindVersion();
        modelBuilder.AddWriteBehindDocuments();

        var reading = modelBuilder.Entity<Reading>();
        reading.ToTable("readings");
        reading.Property<string>("Id").HasColumnName("id");
        reading.HasKey("Id");
        reading.Property(r => r.Count).HasColumnName("count");
        reading.Property(r => r.Value).HasColumnName("value");
        reading.HasWriteBehindVersion();
    }
}
