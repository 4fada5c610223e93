using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace WriteBehind.Tests.Readme;

/// <summary>The example of the README, word for word.</summary>
internal static class ReadmeExample
{
    public static async Task RunAsync(string redis, string postgres)
    {
        // <readme>
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddDbContextFactory<ShopContext>(db => db.UseNpgsql(postgres));
        builder.Services.AddWriteBehind().UseRedis(redis).UseEntityFramework<ShopContext>().AddEntity<Stock>("stock");
        using var host = builder.Build();
        await host.StartAsync();

        var stock = host.Services.GetRequiredService<IEntityStore<Stock>>();
        await stock.SetAsync("85123A", new Stock(100));
        await stock.UpdateAsync("85123A", s => s! with { Quantity = s.Quantity - 6 }); // returns once Redis has it
        await stock.FlushAsync("85123A");                                              // PostgreSQL has it (else within a second)
        // </readme>
    }
}

/// <summary>The example's state.</summary>
public sealed record Stock(long Quantity);

/// <summary>The example's model.</summary>
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        // <readme:model>
        var stock = modelBuilder.Entity<Stock>();
        stock.Property<string>("Sku");
        stock.HasKey("Sku");
        stock.HasWriteBehindVersion();
        // </readme:model>
    }
}
