using Microsoft.EntityFrameworkCore;

namespace Chaos.Workers;

/// <summary>A list that is appended to, joined by commas.</summary>
public sealed record Chain(string Items)
{
    /// <summary>The list with one more; of nothing, where there is none yet.</summary>
    public static Chain With(Chain? chain, string element) => new(chain is null ? element : $"{chain.Items},{element}");
}

/// <summary>A value that is put, swapped, read and deleted.</summary>
public sealed record Register(string Value);

/// <summary>A sum.</summary>
public sealed record Sum(long Value);

/// <summary>Their tables.</summary>
public sealed class ChaosContext(DbContextOptions<ChaosContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        Map<Chain>(modelBuilder, "chains");
        Map<Register>(modelBuilder, "registers");
        Map<Sum>(modelBuilder, "sums");
    }

    private static void Map<TState>(ModelBuilder modelBuilder, string table)
        where TState : class
    {
        var entity = modelBuilder.Entity<TState>();
        entity.ToTable(table);
        entity.Property<string>("Id").HasColumnName("id");
        entity.HasKey("Id");
        entity.HasWriteBehindVersion(columnName: "version");
    }
}
