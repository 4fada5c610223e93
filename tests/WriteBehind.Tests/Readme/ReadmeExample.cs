using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using WriteBehind.Queues;
using WriteBehind.RateLimits;
using WriteBehind.Testing;

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

    public static async Task TestAsync(string redis)
    {
        // <readme:testing>
        var services = new ServiceCollection();
        services.AddWriteBehind().UseRedis(redis).AddEntity<Stock>("stock"); // as the application does it
        services.AddWriteBehindForTests();
        await using var provider = services.BuildServiceProvider();

        var stock = provider.GetRequiredService<IEntityStore<Stock>>();
        var servers = provider.GetRequiredService<InMemoryWriteBehind>();
        await stock.SetAsync("85123A", new Stock(100));
        Assert.True(servers.Table<Stock>().IsDirty("85123A"));
        await servers.FlushAllAsync();
        Assert.Equal(new Stock(100), servers.Table<Stock>()["85123A"]!.State);

        servers.Table<Stock>().Put("85123A", new Stock(50)); // as another program would
        servers.RedisAway = true;                            // or DatabaseAway, LoseNextAnswer(), Table<Stock>().Reject(…)
        await Assert.ThrowsAsync<BufferUnavailableException>(() => stock.SetAsync("85123A", new Stock(99)));
        servers.Reset();
        // </readme:testing>
    }

    public static async Task TestServicesAsync(string redis)
    {
        // <readme:services>
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var services = new ServiceCollection().AddSingleton<TimeProvider>(time);
        services.AddWriteBehind().UseRedis(redis).AddQueue("jobs") // as the application does it
            .AddRateLimit("api", limit => (limit.Permits, limit.Window) = (1, TimeSpan.FromMinutes(1)));
        services.AddWriteBehindForTests();
        await using var provider = services.BuildServiceProvider();

        var api = provider.GetRequiredService<IRateLimits>().For("api", "ann");
        Assert.True((await api.AcquireAsync()).IsAcquired);
        Assert.False((await api.AcquireAsync()).IsAcquired);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.True((await api.AcquireAsync()).IsAcquired);

        var jobs = provider.GetRequiredKeyedService<IReliableQueue>("jobs");
        await jobs.EnqueueAsync("send the letter");
        await using var worker = jobs.OpenWorker();
        await worker.TakeAsync();
        provider.GetRequiredService<InMemoryWriteBehind>().GiveUpWorkers("jobs"); // as if it had died
        Assert.Equal(["send the letter"], (await worker.TakeAsync()).Items);
        // </readme:services>
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
