using Microsoft.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore;

namespace WriteBehind;

/// <summary>Maps the generic table for states that have no table of their own.</summary>
public static class WriteBehindModelBuilderExtensions
{
    /// <summary>
    /// Maps <see cref="WriteBehindDocument"/>: one table that takes the states of every entity type that is not mapped itself, as
    /// <c>jsonb</c>. Migrations and <c>EnsureCreated</c> then create it; so does
    /// <see cref="WriteBehindDocumentsExtensions.EnsureWriteBehindDocumentsAsync"/>.
    /// </summary>
    /// <param name="modelBuilder">The model.</param>
    /// <param name="tableName">The table.</param>
    /// <param name="schema">Its schema; default: the model's.</param>
    public static ModelBuilder AddWriteBehindDocuments(
        this ModelBuilder modelBuilder, string tableName = "write_behind_documents", string? schema = null)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        return modelBuilder.Entity<WriteBehindDocument>(document =>
        {
            document.ToTable(tableName, schema ?? modelBuilder.Model.GetDefaultSchema());
            document.HasKey(d => new { d.Type, d.Id });
            document.Property(d => d.Type).HasColumnName("type").HasColumnType("text");
            document.Property(d => d.Id).HasColumnName("id").HasColumnType("text");
            document.Property(d => d.Version).HasColumnName("version").HasColumnType("bigint");
            document.Property(d => d.State).HasColumnName("state").HasColumnType("jsonb").IsRequired();
            document.Property(d => d.UpdatedAt).HasColumnName("updated_at").HasColumnType("timestamp with time zone")
                .HasDefaultValueSql("now()");
        });
    }
}
