using Microsoft.EntityFrameworkCore;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A model with a value converter that can't convert everything.</summary>
internal sealed class FailingContext(DbContextOptions<FailingContext> options) : DbContext(options)
{
    public const string Unconvertible = "unconvertible";

    protected override void OnModelCreating(ModelBuilder modelBuilder)
        => modelBuilder.Entity<Fragile>(fragile =>
        {
            fragile.ToTable("fragile").HasWriteBehindVersion();
            fragile.Property(f => f.Label).HasConversion(label => Convert(label), text => text);
        });

    private static string Convert(string label) => label == Unconvertible ? throw new FormatException("It can't be converted.") : label;
}
