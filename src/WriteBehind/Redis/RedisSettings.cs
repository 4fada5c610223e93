using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>Reads from Redis what it may lose. What is acknowledged is as durable as Redis is, so this must be known.</summary>
internal static class RedisSettings
{
    /// <summary>What may lose acknowledged writes, each with setting and fix; empty where all is well.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public static async Task<IReadOnlyList<string>> InspectAsync(RedisConnections redis, CancellationToken cancellationToken)
    {
        var warnings = new List<string>();
        foreach (var server in await redis.MastersAsync(cancellationToken).ConfigureAwait(false))
        {
            var name = server.EndPoint.ToString();
            try
            {
                await InspectAsync(server, warning => warnings.Add($"Redis {name}: {warning}"), cancellationToken).ConfigureAwait(false);
            }
            catch (RedisServerException e)
            {
                warnings.Add($"Redis {name}: its settings can't be read ({e.Message}), so nobody knows what it may lose; allow INFO.");
            }
            catch (Exception e) when (RedisErrors.IsRedis(e, cancellationToken))
            {
                throw RedisErrors.Translate(e);
            }
        }

        return warnings;
    }

    private static async Task InspectAsync(IServer server, Action<string> warn, CancellationToken cancellationToken)
    {
        var persistence = await InfoAsync(server, "persistence", cancellationToken).ConfigureAwait(false);
        if (persistence.GetValueOrDefault("aof_enabled") != "1")
        {
            warn("appendonly is off: a restart loses every write since the last snapshot. Set appendonly yes.");
        }
        else if (persistence.GetValueOrDefault("aof_last_write_status") == "err")
        {
            warn("the last write to its append-only file failed: look at its disk.");
        }

        var memory = await InfoAsync(server, "memory", cancellationToken).ConfigureAwait(false);
        var policy = memory.GetValueOrDefault("maxmemory_policy");
        if (policy is not null and not "noeviction")
        {
            var what = policy.StartsWith("volatile", StringComparison.Ordinal) ? "fences before their time" : "unflushed writes";
            warn(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"maxmemory-policy is {policy}: at maxmemory it drops {what}. Set maxmemory-policy noeviction."));
        }
    }

    private static async Task<Dictionary<string, string>> InfoAsync(IServer server, string section, CancellationToken cancellationToken)
    {
        var info = await server.InfoAsync(section)
            .MayBeAbandoned()
            .WaitAsync(TimeSpan.FromSeconds(5), cancellationToken).ConfigureAwait(false);
        return info.SelectMany(group => group).ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
    }
}
