using System.Net;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Clustering.Redis;
using Orleans.Configuration;
using Orleans.Serialization.Configuration;
using StackExchange.Redis;
using WriteBehind.Benchmarks.Grains;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Servers;

/// <summary>A silo in this process with the grains of all contenders, called from inside.</summary>
internal sealed class SiloHost : IAsyncDisposable
{
    /// <summary>All contenders of a silo together: three silos are not to use up the hundred that PostgreSQL has by default.</summary>
    private const string FewConnections = ";Maximum Pool Size=28";

    private readonly IHost _host;

    private SiloHost(IHost host) => _host = host;

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public IWriteBehindEngine Engine => _host.Services.GetRequiredService<IWriteBehindEngine>();

    /// <param name="workspace">Where everybody's data goes.</param>
    /// <param name="entity">Changes the settings of the type.</param>
    /// <param name="isInCluster">Whether it meets others of the workspace; otherwise it is alone.</param>
    public static async Task<SiloHost> StartAsync(
        Workspace workspace, Action<EntityTypeOptions<Product>>? entity = null, bool isInCluster = false)
    {
        var database = workspace.Database + (isInCluster ? FewConnections : "");
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
            .SetMinimumLevel(LogLevel.Error);
        builder.Services.AddPooledDbContextFactory<PlainContext>(options => options.UseNpgsql(database));
        builder.Services.AddDbContextFactory<ShopContext>(options => options.UseNpgsql(database));

        // The host's own would catch Ctrl-C and stop the silo alone.
        builder.Services.AddSingleton<IHostLifetime, NoHostLifetime>();

        // The state is a class that Orleans does not know, and its Redis storage reads no others.
        builder.Services.Configure<TypeManifestOptions>(options => options.AddAllowedType(typeof(Product)));
        builder.UseOrleans(silo => (isInCluster ? InCluster(silo, workspace) : silo.UseLocalhostClustering(FreePort(), FreePort()))
            .Configure<ClusterOptions>(options => (options.ServiceId, options.ClusterId) = (workspace.Prefix, workspace.Prefix))
            .UseInMemoryReminderService()
            .AddRedisGrainStorage(
                RedisProductGrain.Storage, options => options.ConfigurationOptions = ConfigurationOptions.Parse(workspace.Redis))
            .AddAdoNetGrainStorage(
                AdoNetProductGrain.Storage,
                options => (options.Invariant, options.ConnectionString) = ("Npgsql", database))
            .AddWriteBehind(writeBehind => writeBehind
                .Configure(options =>
                {
                    options.KeyPrefix = workspace.Prefix;
                    options.DrainTimeout = TimeSpan.Zero;
                })
                .UseRedis(workspace.Redis)
                .UseEntityFramework<ShopContext>()
                .AddEntity<Product>(EngineHost.Type, options =>
                {
                    options.MaxDirty = 4_000_000;
                    entity?.Invoke(options);
                })));
        var host = builder.Build();
        await host.StartAsync();
        return new SiloHost(host);
    }

    /// <summary>Flushes everything that is dirty; throws where something remains.</summary>
    public async Task FlushAllAsync()
    {
        if (!(await Engine.FlushAllAsync(TimeSpan.FromMinutes(5))).IsClean)
        {
            throw new InvalidOperationException("Not everything could be flushed.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private static ISiloBuilder InCluster(ISiloBuilder silo, Workspace workspace) => silo
        .ConfigureEndpoints(IPAddress.Loopback, FreePort(), FreePort())
        .UseRedisClustering((RedisClusteringOptions options)
            => options.ConfigurationOptions = ConfigurationOptions.Parse(workspace.Redis))
        .AddDistributedGrainDirectory();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
