using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.WriteBehind.Hosting;
using Orleans.WriteBehind.Sweep;
using WriteBehind;

namespace Orleans.WriteBehind;

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
        services.AddOptions<WriteBehindGrainOptions>().Configure(configureGrains ?? (static _ => { })).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindGrainOptions>, WriteBehindGrainOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Transient<IConfigurationValidator, SiloValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILifecycleParticipant<ISiloLifecycle>, EngineLifecycle>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILifecycleParticipant<ISiloLifecycle>, SweepKeeper>());
        configure(engine);
        return builder;
    }
}
