using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace WriteBehind.EntityFrameworkCore.Tests.Docs;

/// <summary>The examples of docs/postgresql.md, word for word.</summary>
internal static class PostgresqlPage
{
    public static void Register(IServiceCollection services, string redis, string postgres)
    {
        // <example>
        services.AddDbContext<ShopContext>(options => options.UseNpgsql(postgres));
        services.AddWriteBehind()
            .UseRedis(redis)
            .UseEntityFramework<ShopContext>()
            .AddEntity<Stock>("stock")
            .AddEntity<Basket>("basket");
        // </example>
    }

    // <example>
    internal sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<Stock>().HasWriteBehindVersion();
            modelBuilder.AddWriteBehindDocuments();
        }
    }
    // </example>

    internal sealed class Stock
    {
        public int Id { get; set; }

        public long Quantity { get; set; }
    }

    internal sealed record Basket(string[] Items);
}
