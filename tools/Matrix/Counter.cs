using Microsoft.EntityFrameworkCore;

namespace Matrix;

/// <summary>The state of the matrix' entities. The table refuses a negative one.</summary>
public sealed record Counter(long Count);

/// <summary>The same where only a few may be dirty.</summary>
public sealed record Bounded(long Count);

/// <summary>Their tables.</summary>
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

        var bounded = modelBuilder.Entity<Bounded>();
        bounded.ToTable("bounded");
        bounded.Property<string>("Id").HasColumnName("id");
        bounded.HasKey("Id");
        bounded.HasWriteBehindVersion();
    }
}
