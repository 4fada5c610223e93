using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>Reads from Redis what it may lose. What is acknowledged is as durable as Redis is, so this must be known.</summary>
internal static class RedisSettings
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>What may lose acknowledged writes, each with setting and fix; empty where all is well.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public static async Task<IReadOnlyList<string>> InspectAsync(RedisConnections redis, CancellationToken cancellationToken)
    {
        var warnings = new List<string>();
        if (redis.IsBehindProxy)
        {
            return
            [
                $"Redis {redis.Description}: a proxy stands before it (proxy= in the configuration), so its settings can't be read and " +
                "nobody knows what it may lose.",
            ];
        }

        foreach (var server in await redis.MastersAsync(cancellationToken).ConfigureAwait(false))
        {
            var name = server.EndPoint.ToString();
            try
            {
                await InspectAsync(redis, server, warning => warnings.Add($"Redis {name}: {warning}"), cancellationToken)
                    .ConfigureAwait(false);
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

    private static async Task InspectAsync(RedisConnections redis, IServer server, Action<string> warn, CancellationToken cancellationToken)
    {
        var persistence = await InfoAsync(server, "persistence", cancellationToken).ConfigureAwait(false);
        if (!persistence.TryGetValue("aof_enabled", out var appendOnly))
        {
            await InspectStrangerAsync(redis, server, persistence, warn, cancellationToken).ConfigureAwait(false);
        }
        else if (appendOnly != "1")
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
        var info = await server.InfoAsync(section).MayBeAbandoned().WaitAsync(Patience, cancellationToken).ConfigureAwait(false);
        return info.SelectMany(group => group)
            .DistinctBy(pair => pair.Key)
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
    }

    /// <summary>
    /// A server that is not Redis and tells of its append-only file in words of its own. Garnet says in CONFIG whether there is one, and in
    /// INFO how far it is written; whether it waits for that before it answers shows in whether a write that was answered is there.
    /// </summary>
    private static async Task InspectStrangerAsync(
        RedisConnections redis,
        IServer server,
        Dictionary<string, string> persistence,
        Action<string> warn,
        CancellationToken cancellationToken)
    {
        var settings = await server.ConfigGetAsync("appendonly")
            .MayBeAbandoned().WaitAsync(Patience, cancellationToken).ConfigureAwait(false);
        if (!settings.Any(static setting => setting is { Key: "appendonly", Value: "yes" }))
        {
            warn(
                "there is no append-only file: a restart loses every write since the last snapshot. Garnet: start it with --aof " +
                "--aof-commit-wait --recover.");
            return;
        }

        for (var i = 0; i < 5 && AddressOf(persistence, "TailAddress") is { } tail; i++)
        {
            // A write that no one has a use for: it is the log that counts.
            await server.Multiplexer.GetDatabase().StringSetAsync(redis.ProofKey, tail, TimeSpan.FromSeconds(10), When.Always)
                .MayBeAbandoned().WaitAsync(Patience, cancellationToken).ConfigureAwait(false);
            persistence = await InfoAsync(server, "persistence", cancellationToken).ConfigureAwait(false);
            if (AddressOf(persistence, "CommittedUntilAddress") <= tail)
            {
                warn(
                    "it answers before its append-only file has the write, and a crash loses what was acknowledged. Garnet: add " +
                    "--aof-commit-wait.");
                return;
            }
        }
    }

    private static long? AddressOf(Dictionary<string, string> persistence, string field)
        => long.TryParse(persistence.GetValueOrDefault(field), CultureInfo.InvariantCulture, out var address) ? address : null;
}
