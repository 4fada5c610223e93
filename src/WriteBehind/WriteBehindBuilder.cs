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

    /// <summary>
    /// Connects to Redis with these options; the engine owns and closes the connections. What the options bring (certificates, tokens
    /// that renew themselves, tunnels) holds for each of them.
    /// </summary>
    public WriteBehindBuilder UseRedis(ConfigurationOptions configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return UseSource(_ => new RedisConnectionSource(configuration));
    }

    /// <summary>The same with options that are made when the engine is, from the application's services.</summary>
    public WriteBehindBuilder UseRedis(Func<IServiceProvider, ConfigurationOptions> configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return UseSource(services => new RedisConnectionSource(configuration(services)));
    }

    /// <summary>
    /// Shares the application's own connection for reads and writes, and never closes it. Settles need a connection of their own (as do
    /// writes that wait for replicas), because their <c>WATCH</c> would hold up every command behind it; the engine opens it with the
    /// options that the given one was opened with, whatever they bring.
    /// </summary>
    /// <param name="connection">The connection. Where it is not StackExchange.Redis' own class, its
    /// <see cref="IConnectionMultiplexer.Configuration"/> has to say all that is needed to open another.</param>
    public WriteBehindBuilder UseRedis(IConnectionMultiplexer connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return UseRedis(_ => connection);
    }

    /// <summary>The same with a connection that is got when the engine is made, from the application's services.</summary>
    public WriteBehindBuilder UseRedis(Func<IServiceProvider, IConnectionMultiplexer> connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return UseSource(services => RedisConnectionSource.Of(connection(services)));
    }

    /// <summary>
    /// The same with the <see cref="IConnectionMultiplexer"/> that the application has registered, as Aspire's <c>AddRedisClient</c> and
    /// <c>AddKeyedRedisClient</c> do.
    /// </summary>
    /// <param name="serviceKey">The key that it is registered with; null (the default) for the one without.</param>
    /// <remarks>Where there is none the engine is not made: <see cref="ConfigurationException"/>.</remarks>
    public WriteBehindBuilder UseRegisteredRedis(object? serviceKey = null)
        => UseSource(services => RedisConnectionSource.Of(
            services.GetKeyedService<IConnectionMultiplexer>(serviceKey) ?? throw new ConfigurationException(
                nameof(UseRegisteredRedis),
                "No IConnectionMultiplexer is registered" + (serviceKey is null ? string.Empty : $" with the key '{serviceKey}'") +
                ". Register one (AddRedisClient of Aspire, or AddSingleton<IConnectionMultiplexer>), or say where Redis is with " +
                "UseRedis(\"host:port\").")));

    private WriteBehindBuilder UseSource(Func<IServiceProvider, RedisConnectionSource> source)
    {
        Services.Replace(ServiceDescriptor.Singleton(source));
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
