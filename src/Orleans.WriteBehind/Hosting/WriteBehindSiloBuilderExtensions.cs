using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Providers;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using Orleans.WriteBehind;
using Orleans.WriteBehind.Hosting;
using Orleans.WriteBehind.Limits;
using Orleans.WriteBehind.Storage;
using Orleans.WriteBehind.Sweep;
using WriteBehind;
using WriteBehind.Engine;
using WriteBehind.RateLimits;

[assembly: RegisterProvider("WriteBehind", "GrainStorage", "Silo", typeof(Orleans.Hosting.WriteBehindGrainStorageProviderBuilder))]

namespace Orleans.Hosting;

/// <summary>Adds write-behind to a silo.</summary>
public static class WriteBehindSiloBuilderExtensions
{
    /// <summary>
    /// Adds the engine, which starts and stops with the silo: it is there before the first grain and until after the last. Its own sweep
    /// is off, as the silo's sweep grains do that work. Reminders must be configured (<c>UseRedisReminderService</c>, …).
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="configure">Says where Redis and PostgreSQL are, and registers the entity types.</param>
    /// <param name="configureGrains">Changes the settings of the grains' side.</param>
    public static ISiloBuilder AddWriteBehind(
        this ISiloBuilder builder, Action<WriteBehindBuilder> configure, Action<WriteBehindGrainOptions>? configureGrains = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        var services = builder.Services;
        var engine = services.AddWriteBehindEngine(static options => options.Sweep = false);
        services.AddOptions<WriteBehindGrainOptions>().Configure(configureGrains ?? (static _ => { }))
            .Configure<IEnumerable<ConfigurationBinding>>(static (options, bindings) =>
            {
                foreach (var binding in bindings)
                {
                    ConfigurationBinding.Bind(binding.Section.GetSection(ConfigurationBinding.Grains), options);
                }
            })
            .ValidateOnStart();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<WriteBehindGrainOptions>, WriteBehindGrainOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Transient<IConfigurationValidator, SiloValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILifecycleParticipant<ISiloLifecycle>, EngineLifecycle>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILifecycleParticipant<ISiloLifecycle>, SweepGrainWaker>());
        configure(engine);
        return builder;
    }
}

/// <summary>Adds write-behind grain storage to a silo.</summary>
public static class WriteBehindGrainStorageSiloBuilderExtensions
{
    /// <summary>
    /// Adds a grain storage provider: a grain with <c>[PersistentState("state", "name")]</c>, or a <c>Grain&lt;TState&gt;</c> with
    /// <c>[StorageProvider(ProviderName = "name")]</c>, is written behind without a change of its code. States go to the generic table
    /// (<c>AddWriteBehindDocuments()</c> in the EF Core model) unless they are mapped. Needs
    /// <see cref="WriteBehindSiloBuilderExtensions.AddWriteBehind"/> as well.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="name">The provider's name.</param>
    /// <param name="configure">Changes the settings.</param>
    public static ISiloBuilder AddWriteBehindGrainStorage(
        this ISiloBuilder builder, string name, Action<WriteBehindGrainStorageOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var options = new WriteBehindGrainStorageOptions(name);
        configure?.Invoke(options);
        builder.Services.AddWriteBehindEngine().AddEntity<GrainStateDocument>(
            options.EntityType,
            entity =>
            {
                options.Configure?.Invoke(entity);
                entity.Serializer = new GrainStateDocumentSerializer();
            });
        builder.Services.TryAddEnumerable(ServiceDescriptor.Transient<IConfigurationValidator, SiloValidator>());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureGrainContextProvider, MigrationGuardConfigurator>());
        builder.Services.AddGrainStorage(name, (services, provider) => Create(services, provider, options));
        return builder;
    }

    /// <summary>The same as the default provider, for grains that name none.</summary>
    public static ISiloBuilder AddWriteBehindGrainStorageAsDefault(
        this ISiloBuilder builder, Action<WriteBehindGrainStorageOptions>? configure = null)
        => builder.AddWriteBehindGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configure);

    private static WriteBehindGrainStorage Create(IServiceProvider services, string name, WriteBehindGrainStorageOptions options)
    {
        var logger = services.GetRequiredService<ILogger<WriteBehindGrainStorage>>();
        var contexts = services.GetRequiredService<IGrainContextAccessor>();
        var sessions = new StateSessionFactory(
            options,
            services.GetRequiredService<IWriteBehindEngine>(),
            options.Serializer ?? services.GetRequiredService<IGrainStorageSerializer>(),
            contexts);
        var import = options.Source is { } source ? new RedisStateImport(source, services) : null;
        return new WriteBehindGrainStorage(
            name, options, sessions, import, services.GetRequiredService<IActivatorProvider>(), contexts, logger);
    }
}

/// <summary>
/// Adds grain storage where the configuration says <c>Orleans:GrainStorage:NAME:ProviderType=WriteBehind</c>, as Aspire's
/// <c>WithGrainStorage</c> does. The section may hold the settings of <see cref="WriteBehindGrainStorageOptions"/> as well.
/// </summary>
internal sealed class WriteBehindGrainStorageProviderBuilder : IProviderBuilder<ISiloBuilder>
{
    public void Configure(ISiloBuilder builder, string? name, IConfigurationSection configurationSection)
        => builder.AddWriteBehindGrainStorage(
            name ?? ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME,
            options => ConfigurationBinding.Bind(configurationSection, options, "ProviderType", "ServiceKey"));
}

/// <summary>Adds rate limits on grain calls to a silo.</summary>
public static class GrainRateLimitSiloBuilderExtensions
{
    /// <summary>
    /// Rate-limits grain calls. The limits are registered with <c>AddRateLimit</c> on the builder of <c>AddWriteBehind</c>; the windows are
    /// in Redis, so all silos share them. An admitted call costs a round trip to Redis before it begins.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="select">
    /// Says what limits a call; null as its answer for nothing. Null (the default) for what <see cref="RateLimitedAttribute"/> says. It
    /// sees every call, also those of the runtime, so it must be quick.
    /// </param>
    public static ISiloBuilder AddGrainRateLimits(this ISiloBuilder builder, Func<IIncomingGrainCallContext, GrainLimit?>? select = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IIncomingGrainCallFilter>(
            services => new RateLimitFilter(services.GetRequiredService<IRateLimits>(), select ?? AttributeSelector.Select));
        return builder;
    }
}
