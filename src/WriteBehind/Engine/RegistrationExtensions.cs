using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Health;
using WriteBehind.Queues;
using WriteBehind.RateLimits;
using WriteBehind.Redis;

namespace Microsoft.Extensions.DependencyInjection;

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
        return new ServerProof(
            prefix,
            [.. provider.GetServices<IEntityRegistration>()
                .Select(type => new KeyLayout(prefix, type.Type, type.Options.Shards))
                .SelectMany(static keys => Enumerable.Range(0, keys.Shards).Select(shard => keys[shard].Root))],
            [.. provider.GetServices<LimitOptions>().SelectMany(limit => new LimitKeys(prefix, limit.Name, limit.Shards).Roots)]);
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
            new SemaphoreSlim(1),
            new CleanEntries(
                provider.GetRequiredService<RedisConnections>(),
                options.KeyPrefix,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILoggerFactory>().CreateLogger(LogCategories.Engine)),
            provider.GetServices<IEntityRegistration>().Count(),
            provider.GetRequiredService<ILoggerFactory>());
    }
}

/// <summary>Brings the application's configuration into the settings.</summary>
public static class WriteBehindBuilderConfigurationExtensions
{
    /// <summary>
    /// Takes settings from the application's configuration as well, after those in code: the engine's from the section itself, those of
    /// types, caches, limits and queues from <c>Types</c>, <c>Caches</c>, <c>Limits</c> and <c>Queues</c> and their names in it, as in
    /// <c>WriteBehind:Types:stock:FlushDelay</c>. (In a silo, those of <c>WriteBehindGrainOptions</c> from <c>Grains</c>.)
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="path">The section's path; default <c>WriteBehind</c>.</param>
    /// <remarks>
    /// A name that is not registered, a setting that is not known and a value that can't be read are a <see cref="ConfigurationException"/>
    /// with its path, at the latest at start. Needs an <see cref="IConfiguration"/> among the services, which every host has. Settings are
    /// found by reflection: not for trimmed applications.
    /// </remarks>
    [RequiresUnreferencedCode("Settings are bound by reflection.")]
    [RequiresDynamicCode("Settings are bound by reflection.")]
    public static WriteBehindBuilder BindConfiguration(this WriteBehindBuilder builder, string path = "WriteBehind")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(path);
        builder.Services.TryAddSingleton(services => new ConfigurationBinding(
            services.GetRequiredService<IConfiguration>().GetSection(path), services.GetServices<ConfigurationTarget>()));
        builder.Services.AddSingleton<IPostConfigureOptions<WriteBehindOptions>>(
            static services => services.GetRequiredService<ConfigurationBinding>());
        return builder;
    }
}

/// <summary>Registers entity types.</summary>
public static class EntityBuilderExtensions
{
    /// <summary>Registers an entity type: its name in Redis keys, metrics and messages, and its settings.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="type">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddEntity<TState>(
        this WriteBehindBuilder builder, string type, Action<EntityTypeOptions<TState>>? configure = null)
        where TState : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = new EntityRegistration<TState>(type, configure);
        builder.Services.AddSingleton<IEntityRegistration>(registration);
        builder.Services.AddSingleton(registration.Options);
        builder.Services.AddSingleton(new ConfigurationTarget(ConfigurationTarget.Types, type, registration.Options));
        builder.Services.TryAddSingleton(static provider => provider.GetRequiredService<IWriteBehindEngine>().Store<TState>());
        return builder;
    }
}

/// <summary>Registers queues.</summary>
public static class QueueBuilderExtensions
{
    /// <summary>
    /// Registers a reliable queue in Redis: an <see cref="IReliableQueue"/> as a keyed service with the same name. It needs <c>UseRedis</c>
    /// (6.2 or newer), but no entity type and no sink.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddQueue(this WriteBehindBuilder builder, string name, Action<QueueOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new QueueOptions(name);
        configure?.Invoke(options);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(new ConfigurationTarget(ConfigurationTarget.Queues, name, options));
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindOptions>, QueueOptionsValidator>());
        builder.Services.TryAddSingleton<IQueueServers>(static provider => new RedisQueueServers(
            provider.GetRequiredService<WriteBehindOptions>().KeyPrefix,
            provider.GetRequiredService<RedisConnections>(),
            provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddKeyedSingleton<IReliableQueue>(name, (provider, _) => new ReliableQueue(
            options,
            provider.GetRequiredService<IQueueServers>(),
            provider.GetRequiredService<QueueMetrics>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger(LogCategories.Queue)));
        return builder;
    }
}

/// <summary>Registers rate limits.</summary>
public static class RateLimitBuilderExtensions
{
    /// <summary>
    /// Registers a sliding-window rate limit in Redis; <see cref="IRateLimits"/> gives its limiters. It needs <c>UseRedis</c>, but no
    /// entity type and no sink.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddRateLimit(this WriteBehindBuilder builder, string name, Action<LimitOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new LimitOptions(name);
        configure?.Invoke(options);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(new ConfigurationTarget(ConfigurationTarget.Limits, name, options));
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindOptions>, LimitOptionsValidator>());
        builder.Services.TryAddSingleton<LimitMetrics>();
        builder.Services.TryAddSingleton<ILimitServers, RedisLimitServers>();
        builder.Services.TryAddSingleton<IRateLimits, RedisRateLimits>();
        return builder;
    }
}

/// <summary>Registers the engine's health checks.</summary>
public static class WriteBehindHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds the checks for Redis, PostgreSQL, age, durability and the background loops, named and tagged as
    /// <see cref="WriteBehindHealth"/> says.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <exception cref="ConfigurationException">A setting is out of its range.</exception>
    public static IHealthChecksBuilder AddWriteBehind(
        this IHealthChecksBuilder builder, Action<WriteBehindHealthOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new WriteBehindHealthOptions();
        configure?.Invoke(options);
        options.Validate();

        builder.Services.AddSingleton(services => new StatusProbe(
            services.GetRequiredService<IWriteBehindEngine>(),
            Clock(services),
            options.ShareFor));

        return builder
            .Add(WriteBehindHealth.Buffer, (probe, _) => new BufferHealthCheck(probe), options, WriteBehindHealth.ReadyTag)
            .Add(
                WriteBehindHealth.Loops,
                (probe, clock) => new LoopsHealthCheck(probe, clock, options.LoopSilence),
                options,
                WriteBehindHealth.ReadyTag)
            .Add(WriteBehindHealth.Database, (probe, _) => new DatabaseHealthCheck(probe), options)
            .Add(WriteBehindHealth.Age, (probe, _) => new AgeHealthCheck(probe, options.UnhealthyAgeFactor), options)
            .Add(WriteBehindHealth.Durability, (probe, _) => new DurabilityHealthCheck(probe), options);
    }

    private static IHealthChecksBuilder Add(
        this IHealthChecksBuilder builder,
        string name,
        Func<StatusProbe, TimeProvider, IHealthCheck> create,
        WriteBehindHealthOptions options,
        params string[] tags)
        => builder.Add(new HealthCheckRegistration(
            name,
            services => create(services.GetRequiredService<StatusProbe>(), Clock(services)),
            failureStatus: null,
            tags: [WriteBehindHealth.Tag, .. tags],
            options.Timeout));

    private static TimeProvider Clock(IServiceProvider services) => services.GetService<TimeProvider>() ?? TimeProvider.System;
}
