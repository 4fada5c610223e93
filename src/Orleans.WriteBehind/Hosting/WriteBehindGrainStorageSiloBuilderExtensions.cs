using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Providers;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.WriteBehind.Hosting;
using Orleans.WriteBehind.Storage;
using WriteBehind;

namespace Orleans.WriteBehind;

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
            contexts,
            services.GetRequiredService<IOptions<WriteBehindGrainOptions>>().Value,
            services.GetRequiredService<TimeProvider>(),
            logger);
        var taker = options.Source is { } source ? new RedisStateTaker(source, services) : null;
        return new WriteBehindGrainStorage(name, options, sessions, taker, services.GetRequiredService<IActivatorProvider>(), contexts, logger);
    }
}
