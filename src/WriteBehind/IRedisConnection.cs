using System.Runtime.CompilerServices;
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

/// <summary>Where Redis is, and how connections to it are made.</summary>
// Not a record: its text would show the password to whoever prints it.
internal sealed class RedisConnectionSource(ConfigurationOptions configuration, IConnectionMultiplexer? connection = null)
{
    /// <summary>How the application wants connections made.</summary>
    public ConfigurationOptions Configuration { get; } = configuration.Clone();

    /// <summary>The application's own connection, which the engine shares and never closes; null where it opens one.</summary>
    public IConnectionMultiplexer? Connection { get; } = connection;

    /// <summary>Shares a connection, and opens more with the options that it was opened with.</summary>
    public static RedisConnectionSource Of(IConnectionMultiplexer connection)
        => new(OptionsOf(connection) ?? ConfigurationOptions.Parse(connection.Configuration), connection);

    /// <summary>How a connection that the engine opens and owns is made.</summary>
    public ConfigurationOptions For(ConnectionRole role)
    {
        var options = Configuration.Clone();

        // A first connect must fail with an error rather than hand out a connection that may never work; later ones are re-made by the
        // library. Where the application may start without Redis the engine itself tries again, so that one try is enough.
        options.ConnectRetry = options.AbortOnConnectFail ? options.ConnectRetry : 1;
        options.AbortOnConnectFail = true;

        // The library counts INFO among the administrator's commands. It is the only one used.
        options.AllowAdmin = true;

        // For the settles nothing may wait for a server to come back, and be sent before that one was proved.
        options.BacklogPolicy = role == ConnectionRole.Settle ? BacklogPolicy.FailFast : BacklogPolicy.Default;

        // What CLIENT LIST shows to who wonders what these connections are for.
        options.ClientName ??= $"WriteBehind-{role.ToString().ToLowerInvariant()}@{Environment.MachineName}";
        return options;
    }

    /// <summary>
    /// The options of the library's own class, which has them only for itself. Its <see cref="IConnectionMultiplexer.Configuration"/> is
    /// their text, which lacks what can't be written down: certificates, callbacks, whatever renews a token. Null where it is not found.
    /// </summary>
    private static ConfigurationOptions? OptionsOf(IConnectionMultiplexer connection)
    {
        try
        {
            return connection is ConnectionMultiplexer own ? RawConfig(own) : null;
        }
        catch (MissingMemberException)
        {
            // Another release of the library than 2.13 to 3.4. Where the text does not do, the start says so: it opens a connection
            // with it.
            return null;
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_RawConfig")]
    private static extern ConfigurationOptions RawConfig(ConnectionMultiplexer connection);
}

/// <summary>What a connection is for.</summary>
internal enum ConnectionRole
{
    /// <summary>Reads, writes, and everything else.</summary>
    Shared,

    /// <summary>Settle transactions.</summary>
    Settle,

    /// <summary>Writes that wait for replicas.</summary>
    Waiting,
}
