using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Sinks;

namespace WriteBehind;

/// <summary>Collects what an engine is made of. Got from <see cref="WriteBehindServiceCollectionExtensions.AddWriteBehind"/>.</summary>
public sealed class WriteBehindBuilder
{
    internal WriteBehindBuilder(IServiceCollection services) => Services = services;

    /// <summary>The services the engine is registered with.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Changes the engine's settings.</summary>
    public WriteBehindBuilder Configure(Action<WriteBehindOptions> configure)
    {
        Services.Configure(configure);
        return this;
    }

    /// <summary>Connects to Redis with a StackExchange.Redis configuration string; the engine owns and closes the connections.</summary>
    public WriteBehindBuilder UseRedis(string configuration) => UseRedis(ConfigurationOptions.Parse(configuration));

    /// <summary>Connects to Redis with these options; the engine owns and closes the connections.</summary>
    public WriteBehindBuilder UseRedis(ConfigurationOptions configuration)
    {
        Services.Replace(ServiceDescriptor.Singleton(new RedisConnectionSource(configuration)));
        return this;
    }

    /// <summary>Saves to and loads from what this factory makes.</summary>
    public WriteBehindBuilder UseSink<TFactory>()
        where TFactory : class, IEntitySinkFactory
    {
        Services.Replace(ServiceDescriptor.Singleton<IEntitySinkFactory, TFactory>());
        return this;
    }

    /// <summary>Registers an entity type: its name in Redis keys, metrics and messages, and its settings.</summary>
    /// <param name="type">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public WriteBehindBuilder AddEntity<TState>(string type, Action<EntityTypeOptions<TState>>? configure = null)
        where TState : class
    {
        Services.AddSingleton<IEntityRegistration>(new EntityRegistration<TState>(type, configure));
        Services.TryAddSingleton(provider => provider.GetRequiredService<IWriteBehindEngine>().Store<TState>());
        return this;
    }
}
