using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Queues;
using WriteBehind.Redis;

namespace WriteBehind;

/// <summary>Registers the engine with a service collection.</summary>
public static class WriteBehindServiceCollectionExtensions
{
    /// <summary>
    /// Adds the engine and its hosted service, which connects at start and drains at stop. Settings are validated when the engine is
    /// first needed, at the latest at start; a wrong one is an <see cref="OptionsValidationException"/> that names it, its value and the
    /// fix.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder, for Redis, the sink and the entity types.</returns>
    public static WriteBehindBuilder AddWriteBehind(this IServiceCollection services, Action<WriteBehindOptions>? configure = null)
    {
        var builder = services.AddWriteBehindEngine(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, WriteBehindHostedService>());
        return builder;
    }

    /// <summary>
    /// Adds the engine without the hosted service, for hosts with a lifecycle of their own: they start and drain it through
    /// <see cref="IEngineControl"/>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder, for Redis, the sink and the entity types.</returns>
    internal static WriteBehindBuilder AddWriteBehindEngine(this IServiceCollection services, Action<WriteBehindOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<WriteBehindOptions>().Configure(configure ?? (static _ => { })).ValidateOnStart();
        services.AddLogging();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindOptions>, WriteBehindOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IProtocolGate>(OpenGate.Instance);
        services.TryAddSingleton<IEntitySinkFactory, MissingSinkFactory>();
        services.TryAddSingleton<Admission>();
        services.TryAddSingleton(CreateProof);
        services.TryAddSingleton<RedisConnections>();
        services.TryAddSingleton<IRedisConnection>(provider => provider.GetRequiredService<RedisConnections>());
        services.TryAddSingleton(provider => new EngineMeter(provider.GetService<IMeterFactory>()));
        services.TryAddSingleton<QueueMetrics>();
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<WriteBehindOptions>>().Value);
        services.TryAddSingleton<DurabilityGuard>();
        services.TryAddSingleton<OtherLoops>();
        services.TryAddSingleton(CreateParts);
        services.TryAddSingleton<WriteBehindEngine>();
        services.TryAddSingleton<IWriteBehindEngine>(provider => provider.GetRequiredService<WriteBehindEngine>());
        services.TryAddSingleton<IEngineControl>(provider => provider.GetRequiredService<WriteBehindEngine>());
        return new WriteBehindBuilder(services);
    }

    private static ServerProof CreateProof(IServiceProvider provider)
    {
        var prefix = provider.GetRequiredService<WriteBehindOptions>().KeyPrefix;
        return new ServerProof(prefix, [.. provider.GetServices<IEntityRegistration>()
            .Select(type => new KeyLayout(prefix, type.Type, type.Options.Shards))
            .SelectMany(static keys => Enumerable.Range(0, keys.Shards).Select(shard => keys[shard].Root))]);
    }

    private static EngineParts CreateParts(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<WriteBehindOptions>();
        return new EngineParts(
            options,
            provider.GetRequiredService<RedisConnections>(),
            provider.GetRequiredService<IEntitySinkFactory>(),
            provider.GetRequiredService<EngineMeter>(),
            provider.GetRequiredService<QueueMetrics>(),
            provider.GetRequiredService<IProtocolGate>(),
            provider.GetRequiredService<Admission>(),
            provider.GetRequiredService<TimeProvider>(),
            new SemaphoreSlim(options.MaxConcurrentFlushes),
            new SemaphoreSlim(options.MaxConcurrentLoads),
            new CleanEntries(
                provider.GetRequiredService<RedisConnections>(),
                options.KeyPrefix,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILoggerFactory>().CreateLogger(LogCategories.Engine)),
            provider.GetServices<IEntityRegistration>().Count(),
            provider.GetRequiredService<ILoggerFactory>());
    }
}
