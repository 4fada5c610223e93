using System.Net;
using Orleans.Clustering.Redis;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Persistence;
using Silo.Operations;

namespace Silo.Hosting;

/// <summary>How this silo is part of the cluster.</summary>
internal static class ClusterSetup
{
    public static void AddCluster(this ISiloBuilder silo, SiloSettings settings, IConfiguration configuration, bool isDevelopment)
    {
        var services = silo.Services;
        services.AddSingleton<ClusterRedis>();
        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, settings.ServiceId));
        silo.Configure<EndpointOptions>(options => Listen(options, settings));

        BindStrictly<ClusterMembershipOptions>(services, configuration, "Silo:Membership");
        BindStrictly<GrainDirectoryOptions>(services, configuration, "Silo:Directory");

        var redis = ClusterRedis.Options(settings);
        silo.UseRedisClustering(options => options.ConfigurationOptions = redis);
        silo.UseRedisReminderService(options => options.ConfigurationOptions = redis);
        services.AddOptions<RedisClusteringOptions>().Configure<ClusterRedis>(
            (options, shared) => options.CreateMultiplexer = async _ => (await shared.GetAsync(), true));
        services.AddOptions<RedisReminderTableOptions>().Configure<ClusterRedis>(
            (options, shared) => options.CreateMultiplexer = async _ => (await shared.GetAsync(), true));
        if (configuration[$"Orleans:GrainStorage:{JournalGrain.Storage}:ProviderType"] is null)
        {
            silo.AddRedisGrainStorage(JournalGrain.Storage, options => options.ConfigurationOptions = redis);
            services.AddOptions<RedisStorageOptions>(JournalGrain.Storage).Configure<ClusterRedis>(
                (options, shared) => options.CreateMultiplexer = async _ => (await shared.GetAsync(), true));
        }

        // With the default directory a silo that stops takes grains on the other silos along, and the calls to them fail.
        silo.AddDistributedGrainDirectory();

        silo.AddGrainService<StatusService>();
        services.AddSingleton<IStatusServiceClient, StatusServiceClient>();
        if (isDevelopment)
        {
            silo.AddDashboard();
        }
    }

    // A misspelt time-out would go unnoticed until a silo dies.
    private static void BindStrictly<TOptions>(IServiceCollection services, IConfiguration configuration, string section)
        where TOptions : class
        => services.AddOptions<TOptions>().Bind(configuration.GetSection(section), binder => binder.ErrorOnUnknownConfiguration = true);

    private static void Listen(EndpointOptions options, SiloSettings settings)
    {
        (options.SiloPort, options.GatewayPort) = (settings.SiloPort, settings.GatewayPort);
        if (settings.Address is not { } address)
        {
            return;
        }

        // The address may be one that only others know (a container's host), so all are listened on; but a silo that is for
        // this machine alone is not to be reached from elsewhere.
        options.AdvertisedIPAddress = address;
        var listening = IPAddress.IsLoopback(address) ? address : IPAddress.Any;
        options.SiloListeningEndpoint = new(listening, settings.SiloPort);
        options.GatewayListeningEndpoint = new(listening, settings.GatewayPort);
    }
}
