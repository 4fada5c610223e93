using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using Orleans.WriteBehind.Tests.Support;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A silo with a write-behind storage provider named <c>carts</c>.</summary>
public sealed class StorageSilo : IAsyncLifetime
{
    private GrainCluster? _cluster;

    /// <summary>Where a state may be when it is looked for: in Redis, or in PostgreSQL and no longer in Redis.</summary>
    public static TheoryData<bool> Places => [false, true];

    public GrainCluster Cluster => _cluster ?? throw new InvalidOperationException("Not started.");

    public IGrainStorage Storage => Cluster.Cluster.Silos[0].ServiceProvider.GetRequiredKeyedService<IGrainStorage>("carts");

    public async Task InitializeAsync() => _cluster = await GrainCluster.StartAsync(new()
    {
        Silo = silo => silo.AddWriteBehindGrainStorage("carts", storage =>
        {
            storage.Configure = entity => entity.FlushDelay = TimeSpan.FromMinutes(5);
            storage.Configure += entity => entity.MaxAge = TimeSpan.FromMinutes(30);
        }),
    });

    public async Task DisposeAsync() => await Cluster.DisposeAsync();

    public async Task FlushIfAsync(bool flushed)
    {
        if (flushed)
        {
            Assert.True((await Cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(20))).IsClean);
        }
    }
}
