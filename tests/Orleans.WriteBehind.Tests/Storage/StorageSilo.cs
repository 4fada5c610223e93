using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
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

    public IGrainStorage Storage => StorageOf("carts");

    public async Task InitializeAsync() => _cluster = await GrainCluster.StartAsync(new()
    {
        Silo = silo => silo
            .AddWriteBehindGrainStorage("carts", Late)
            .AddWriteBehindGrainStorage("json", storage =>
            {
                Late(storage);
                storage.Format = GrainStateFormat.Json;
            })
            .AddWriteBehindGrainStorage("silo", storage =>
            {
                Late(storage);
                storage.Format = GrainStateFormat.Silo;
            })
            .AddWriteBehindGrainStorage("binary", storage =>
            {
                Late(storage);
                storage.Format = GrainStateFormat.Silo;
                storage.Serializer = new OrleansGrainStorageSerializer(Binary());
            }),
    });

    public IGrainStorage StorageOf(string name) => Cluster.Cluster.Silos[0].ServiceProvider.GetRequiredKeyedService<IGrainStorage>(name);

    private static Serializer Binary() => new ServiceCollection().AddSerializer().BuildServiceProvider().GetRequiredService<Serializer>();

    private static void Late(WriteBehindGrainStorageOptions storage)
    {
        storage.Configure = entity => entity.FlushDelay = TimeSpan.FromMinutes(5);
        storage.Configure += entity => entity.MaxAge = TimeSpan.FromMinutes(30);
    }

    public async Task DisposeAsync() => await Cluster.DisposeAsync();

    public async Task FlushIfAsync(bool flushed)
    {
        if (flushed)
        {
            Assert.True((await Cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(20))).IsClean);
        }
    }
}
