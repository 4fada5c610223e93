using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StackExchange.Redis;

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
}
