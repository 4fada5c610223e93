using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Orleans.WriteBehind.Tests.Readme;

/// <summary>The silo of the README's examples.</summary>
internal static class ReadmeSilo
{
    public static void ConfigureGrain(ISiloBuilder silo, string redis, string postgres)
    {
        // <readme:silo>
        silo.Services.AddDbContextFactory<ShopContext>(db => db.UseNpgsql(postgres));
        silo.AddWriteBehind(writeBehind => writeBehind
            .UseRedis(redis)
            .UseEntityFramework<ShopContext>()
            .AddEntity<Stock>("stock"));
        // </readme:silo>
    }

    public static void ConfigureStorage(ISiloBuilder silo)
    {
        // <readme:storage>
        silo.AddWriteBehindGrainStorage("profiles"); // was: silo.AddRedisGrainStorage("profiles", …)
        // </readme:storage>
    }

    public static void ConfigureMigration(ISiloBuilder silo)
    {
        // <readme:migration>
        silo.AddWriteBehindGrainStorage("profiles", storage => storage.MigrateFromRedis());
        // </readme:migration>
    }
}
