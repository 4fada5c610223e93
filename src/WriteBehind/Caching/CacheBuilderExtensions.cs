using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers caches with an engine: they share its Redis connections, its sink and its meter.</summary>
public static class WriteBehindBuilderCachingExtensions
{
    /// <summary>
    /// Adds a cache. It is an <see cref="ICache"/> under its name as a keyed service, and unkeyed where it is the first.
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="name">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddCache(this WriteBehindBuilder builder, string name, Action<CacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(name);
        var options = new CacheOptions(name);
        configure?.Invoke(options);
        AddParts(builder.Services, options);
        builder.Services.AddSingleton<ICacheRegistration>(new CacheRegistration(options));
        builder.Services.AddKeyedSingleton<ICache>(
            name, static (services, key) => new Cache(services.GetRequiredKeyedService<CacheParts>(key)));
        builder.Services.TryAddSingleton(services => services.GetRequiredKeyedService<ICache>(name));
        return builder;
    }

    /// <summary>
    /// Adds a read-through and write-through cache over the rows of a type that is not written behind. It is an
    /// <see cref="IReadThroughCache{TState}"/>, unkeyed where it is the type's first and under its name as a keyed service. Rows are loaded
    /// and written through the engine's sink, so over EF Core the entity needs a version (<c>HasWriteBehindVersion</c>).
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="name">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddReadThroughCache<TState>(
        this WriteBehindBuilder builder, string name, Action<ReadThroughOptions<TState>>? configure = null)
        where TState : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(name);
        var options = new ReadThroughOptions<TState>(name);
        configure?.Invoke(options);
        AddParts(builder.Services, options);
        builder.Services.AddSingleton<ICacheRegistration>(new ReadThroughRegistration<TState>(options));
        builder.Services.AddKeyedSingleton<IReadThroughCache<TState>>(name, (services, _) => Create(services, options));
        builder.Services.TryAddSingleton(services => services.GetRequiredKeyedService<IReadThroughCache<TState>>(name));
        return builder;
    }

    private static void AddParts(IServiceCollection services, CacheOptions options)
    {
        services.AddSingleton(new ConfigurationTarget(ConfigurationTarget.Caches, options.Name, options));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindOptions>, CachesValidator>());
        services.TryAddSingleton<ICacheServers, RedisCacheServers>();
        services.AddKeyedSingleton<ICacheInvalidator>(
            options.Name, static (provider, name) => provider.GetRequiredKeyedService<CacheParts>(name).Invalidator);
        services.AddKeyedSingleton(options.Name, (provider, _) => new CacheParts(
            options,
            provider.GetRequiredService<ICacheServers>(),
            provider.GetRequiredService<EngineMeter>(),
            provider.GetRequiredService<ILoggerFactory>()));
    }

    private static ReadThroughCache<TState> Create<TState>(IServiceProvider services, ReadThroughOptions<TState> options)
        where TState : class
    {
        var parts = services.GetRequiredKeyedService<CacheParts>(options.Name);
        var retries = services.GetRequiredService<WriteBehindOptions>().MaxUpdateRetries;
        var sink = services.GetRequiredService<ICacheServers>().Rows(options);
        return new ReadThroughCache<TState>(parts, sink, options, new CacheWriteThrough<TState>(parts, sink, options, retries));
    }
}
