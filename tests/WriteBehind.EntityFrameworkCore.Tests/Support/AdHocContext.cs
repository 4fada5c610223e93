using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>A context over a model that a test makes up.</summary>
internal sealed class AdHocContext(DbContextOptions<AdHocContext> options, AdHocModel model) : DbContext(options)
{
    public AdHocModel AdHocModel => model;

    protected override void OnModelCreating(ModelBuilder modelBuilder) => model.Build(modelBuilder);

    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder)
        => optionsBuilder.ReplaceService<IModelCacheKeyFactory, AdHocModelKey>();
}
