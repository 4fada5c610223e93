using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.TestingHost;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.Support;

/// <summary>A cluster in this process, on real servers. All its silos share the gate and the sink probe.</summary>
public sealed class GrainCluster : IAsyncDisposable
{
    private GrainCluster(InProcessTestCluster cluster, GrainClusterOptions options, Gate gate, SinkProbe sink)
    {
        (Cluster, Options, Gate, Sink) = (cluster, options, gate, sink);
        Database = new Database(options.Postgres!);
    }

    /// <summary>The options with everything filled in: pass them on to start another cluster of the same service.</summary>
    public GrainClusterOptions Options { get; }

    public InProcessTestCluster Cluster { get; }

    internal Gate Gate { get; }

    public SinkProbe Sink { get; }

    public Database Database { get; }

    public IGrainFactory Grains => Cluster.Client;

    /// <summary>The engine of the first silo.</summary>
    public IWriteBehindEngine Engine => EngineOf(Cluster.Silos[0]);

    public static async Task<GrainCluster> StartAsync(GrainClusterOptions? options = null)
    {
        options ??= new();
        options = options with
        {
            Redis = options.Redis ?? (await SharedServers.RedisAsync()).Configuration,
            Prefix = options.Prefix ?? SharedServers.FreshName("o"),
            Postgres = options.Postgres ?? await CreateDatabaseAsync(),
        };
        var (gate, sink) = (new Gate(), new SinkProbe());
        var builder = new InProcessTestClusterBuilder(options.Silos);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) => Configure(silo, options, gate, sink));
        options.Client?.Invoke(builder);
        var cluster = new GrainCluster(builder.Build(), options, gate, sink);
        await cluster.Cluster.DeployAsync();
        return cluster;
    }

    public static IWriteBehindEngine EngineOf(InProcessSiloHandle silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        return silo.ServiceProvider.GetRequiredService<IWriteBehindEngine>();
    }

    public T Grain<T>(string key)
        where T : IGrainWithStringKey
        => Grains.GetGrain<T>(key);

    public async ValueTask DisposeAsync() => await Cluster.DisposeAsync();

    private static void Configure(ISiloBuilder silo, GrainClusterOptions options, Gate gate, SinkProbe sink)
    {
        silo.UseInMemoryReminderService();
        silo.Services.AddSingleton<IProtocolGate>(gate);
        silo.Services.AddDbContextFactory<ShopContext>(db => db.UseNpgsql(options.Postgres));
        silo.AddWriteBehind(
            writeBehind =>
            {
                writeBehind
                    .Configure(settings =>
                    {
                        settings.KeyPrefix = options.Prefix!;
                        settings.DrainTimeout = TimeSpan.Zero;
                        settings.BackoffStart = TimeSpan.FromMilliseconds(50);
                        settings.BackoffCap = TimeSpan.FromMilliseconds(400);
                        options.Engine?.Invoke(settings);
                    })
                    .UseRedis(options.Redis!)
                    .UseEntityFramework<ShopContext>()
                    .AddEntity<Stock>("stock", options.Apply)
                    .AddEntity<Views>("views", options.Apply)
                    .AddEntity<Player>("player", options.Apply)
                    .AddEntity<Seat>("seat", options.Apply);
            },
            options.Grains);
        options.Silo?.Invoke(silo);
        var real = silo.Services.Last(service => service.ServiceType == typeof(IEntitySinkFactory)).ImplementationType!;
        silo.Services.Replace(ServiceDescriptor.Singleton<IEntitySinkFactory>(
            provider => new ProbedSinkFactory((IEntitySinkFactory)ActivatorUtilities.CreateInstance(provider, real), sink)));
    }

    private static async Task<string> CreateDatabaseAsync()
    {
        var connectionString = await SharedServers.CreateDatabaseAsync();
        await using var context = new ShopContext(new DbContextOptionsBuilder<ShopContext>().UseNpgsql(connectionString).Options);
        await context.Database.EnsureCreatedAsync();
        return connectionString;
    }
}
