using Microsoft.EntityFrameworkCore;
using WriteBehind;

namespace Matrix;

/// <summary>The state of the matrix' entities. The table refuses a negative one.</summary>
public sealed record Counter(long Count);

/// <summary>Their table.</summary>
public sealed class CounterContext(DbContextOptions<CounterContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var counter = modelBuilder.Entity<Counter>();
        counter.ToTable("counters", static table => table.HasCheckConstraint("not_negative", "count >= 0"));
        counter.Property<string>("Id").HasColumnName("id");
        counter.HasKey("Id");
        counter.Property(static state => state.Count).HasColumnName("count");
        counter.HasWriteBehindVersion();
    }
}
