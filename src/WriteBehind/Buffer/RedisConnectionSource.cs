using StackExchange.Redis;

namespace WriteBehind.Buffer;

/// <summary>Where Redis is. The connections themselves are opened and owned by the engine.</summary>
// Not a record: its text would show the password to whoever prints it.
internal sealed class RedisConnectionSource(ConfigurationOptions configuration)
{
    public ConfigurationOptions Configuration { get; } = configuration;
}
