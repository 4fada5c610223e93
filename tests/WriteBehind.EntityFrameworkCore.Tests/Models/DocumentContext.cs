using Microsoft.EntityFrameworkCore;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>The generic table alone, under names that need quoting.</summary>
internal sealed class DocumentContext(DbContextOptions<DocumentContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.AddWriteBehindDocuments("My \"docs\"", "other {0}");
}
