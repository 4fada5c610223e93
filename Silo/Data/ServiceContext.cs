using Microsoft.EntityFrameworkCore;

namespace Silo.Data;

/// <summary>
/// The model. The engine builds its bulk statements from it and needs one thing more than the states: a version per row. Keys may be
/// members of the state or not; they come from the grain's key.
/// </summary>
public sealed class ServiceContext(DbContextOptions<ServiceContext> options) : DbContext(options)
{
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
        modelBuilder.Entity<PlayerScore>(score =>
        {
            score.ToTable("score");
            score.Property<long>("Game").HasColumnName("game").ValueGeneratedNever();
            score.Property<string>("Player").HasColumnName("player");
            score.HasKey("Game", "Player");
            score.Property(row => row.Points).HasColumnName("points");
            score.Property(row => row.Best).HasColumnName("best");
            score.HasWriteBehindVersion(columnName: "version");
        });
        modelBuilder.Entity<PageViews>(views =>
        {
            views.ToTable("views");
            views.Property<string>("Page").HasColumnName("page");
            views.HasKey("Page");
            views.Property(row => row.Count).HasColumnName("count");
            views.HasWriteBehindVersion(columnName: "version");
        });
        modelBuilder.AddWriteBehindDocuments();     // for grain storage that the configuration names; see Hosting/ClusterSetup.cs
    }
}
