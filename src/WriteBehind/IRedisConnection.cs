using StackExchange.Redis;

namespace WriteBehind;

/// <summary>
/// The engine's connection to Redis, for neighbours that keep their data in the same Redis and need none of their own: clustering,
/// reminders, an application's own keys. The engine owns it: nobody else disposes it.
/// </summary>
public interface IRedisConnection
{
    /// <summary>The connection; opened at first use.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<IConnectionMultiplexer> GetAsync(CancellationToken cancellationToken = default);
}

/// <summary>Where Redis is. The connections themselves are opened and owned by the engine.</summary>
// Not a record: its text would show the password to whoever prints it.
internal sealed class RedisConnectionSource(ConfigurationOptions configuration)
{
    public ConfigurationOptions Configuration { get; } = configuration;
}
