using Proof;
using StackExchange.Redis;

namespace Client.Cluster;

/// <summary>Which cluster is meant. Named by the same variables as for the silos.</summary>
/// <param name="Redis">StackExchange.Redis configuration of the membership table. May hold a password: never shown.</param>
/// <param name="ClusterId">The cluster.</param>
/// <param name="ServiceId">The service.</param>
/// <param name="KeyPrefix">What the engine's keys in Redis begin with. Only who reads them past the library needs it.</param>
/// <param name="Patience">How long to look for a silo, and how long to wait for one's answer.</param>
internal sealed record ClusterSettings(ConfigurationOptions Redis, string ClusterId, string ServiceId, string KeyPrefix, TimeSpan Patience)
{
    private const string DefaultName = "writebehind";
    private const string DefaultPrefix = "wb";

    /// <summary>What the environment says.</summary>
    /// <exception cref="UsageException">A setting is missing or wrong.</exception>
    public static ClusterSettings Read(TimeSpan patience) => new(
        ParseRedis(Find("WRITEBEHIND_REDIS") ?? throw new UsageException(
            "WRITEBEHIND_REDIS is not set. It names the Redis in which the silos meet, like this: localhost:6379")),
        Find("WRITEBEHIND_CLUSTER_ID") ?? DefaultName,
        Find("WRITEBEHIND_SERVICE_ID") ?? DefaultName,
        ReadKeyPrefix(),
        patience);

    /// <summary>What the environment says of the keys, named as for the silos.</summary>
    public static string ReadKeyPrefix() => Find("WriteBehind__KeyPrefix") ?? DefaultPrefix;

    /// <exception cref="UsageException">It is no configuration.</exception>
    public static ConfigurationOptions ParseRedis(string text)
    {
        try
        {
            return ConfigurationOptions.Parse(text);
        }
        catch (ArgumentException)
        {
            // The message of the cause may quote the string, and with it the password.
            throw new UsageException("WRITEBEHIND_REDIS is no StackExchange.Redis configuration. It looks like this: localhost:6379");
        }
    }

    private static string? Find(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
}
