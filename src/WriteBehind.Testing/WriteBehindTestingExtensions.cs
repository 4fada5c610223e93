using System.Net;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.Engine;
using WriteBehind.Queues;
using WriteBehind.RateLimits;
using WriteBehind.Redis;
using WriteBehind.Testing;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts an engine in memory in the place of the real one.</summary>
public static class WriteBehindTestingExtensions
{
    /// <summary>
    /// Puts an engine that needs no Redis and no PostgreSQL in the place of the real one: for the same stores, sessions, caches, rate
    /// limits, queues, settings and errors. The application's registrations stay as they are
    /// (<c>AddWriteBehind().UseRedis(…).UseEntityFramework&lt;…&gt;().AddEntity&lt;…&gt;(…)</c>, before this or after it); or the test
    /// registers its entity types itself, on the builder that this returns. The test gets its hands on the servers as
    /// <see cref="InMemoryWriteBehind"/>, from the services.
    /// </summary>
    /// <remarks>
    /// It is there with the first store that is taken from the services; a host need not be started. Where one is, its stop flushes.
    /// Caches, rate limits and queues are in memory as well, with what the application registers. Nothing feeds the caches from outside:
    /// <c>AddPostgresInvalidation</c> stays without effect.
    /// </remarks>
    /// <param name="services">The services.</param>
    /// <param name="servers">
    /// The servers; null for new ones, with the clock that the services have (<see cref="TimeProvider"/>). Several engines on the same ones
    /// are the processes of one service.
    /// </param>
    public static WriteBehindBuilder AddWriteBehindForTests(this IServiceCollection services, InMemoryWriteBehind? servers = null)
    {
        var builder = services.AddMemoryEngine(servers);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, WriteBehindHostedService>());
        return builder;
    }

    /// <summary>The same without the hosted service, for hosts with a lifecycle of their own.</summary>
    internal static WriteBehindBuilder AddMemoryEngine(this IServiceCollection services, InMemoryWriteBehind? servers)
    {
        var builder = services.AddWriteBehindEngine();
        services.Replace(ServiceDescriptor.Singleton(new RedisConnectionSource(Nowhere())));
        services.Replace(ServiceDescriptor.Singleton(static provider => new RedisConnections(
            new RedisConnectionSource(Nowhere()), provider.GetRequiredService<TimeProvider>())));
        services.Replace(ServiceDescriptor.Singleton(provider => new MemoryEngine(
            servers ?? new InMemoryWriteBehind(provider.GetRequiredService<TimeProvider>()),
            provider.GetRequiredService<WriteBehindOptions>(),
            provider.GetServices<EntityTypeOptions>(),
            provider.GetServices<ICacheRegistration>(),
            provider.GetRequiredService<EngineMeter>())));
        services.Replace(ServiceDescriptor.Singleton<IWriteBehindEngine>(static provider => provider.GetRequiredService<MemoryEngine>()));
        services.Replace(ServiceDescriptor.Singleton<IEngineControl>(static provider => provider.GetRequiredService<MemoryEngine>()));
        services.Replace(ServiceDescriptor.Singleton(static provider => provider.GetRequiredService<MemoryEngine>().Servers));
        services.Replace(ServiceDescriptor.Singleton<ICacheServers, MemoryCacheServers>());
        services.Replace(ServiceDescriptor.Singleton<IQueueServers, MemoryQueueServers>());
        services.Replace(ServiceDescriptor.Singleton<ILimitServers, MemoryLimitServers>());
        return builder;
    }

    /// <summary>
    /// For what asks for the engine's connection itself: a port that refuses, so that a test never reaches the Redis that the application
    /// is configured for.
    /// </summary>
    private static ConfigurationOptions Nowhere() => new() { EndPoints = { { IPAddress.Loopback, 1 } }, ConnectRetry = 1 };
}
