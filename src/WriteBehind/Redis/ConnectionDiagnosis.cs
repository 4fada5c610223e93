using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>Finds out what is wrong with a connection that fails, where the library does not say it, or notices it late.</summary>
/// <param name="configuration">How connections are made.</param>
/// <param name="time">The clock.</param>
internal sealed class ConnectionDiagnosis(ConfigurationOptions configuration, TimeProvider time)
{
    private static readonly TimeSpan PauseBetweenAttempts = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PauseBetweenRoles = TimeSpan.FromMilliseconds(500);

    private long _rolesAskedAt;
    private Attempt? _attempt;

    /// <summary>Where a server is, for a message.</summary>
    public static string NameOf(EndPoint endpoint) => endpoint switch
    {
        DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
        IPEndPoint { AddressFamily: AddressFamily.InterNetworkV6 } ip => $"[{ip.Address}]:{ip.Port}",
        _ => endpoint.ToString() ?? "?",
    };

    /// <summary>
    /// The error of a command. A connection that broke is made anew by the library, which keeps to itself why that fails (seen with 2.13:
    /// it goes on speaking of the socket that was closed once). So the reason is looked for beside it.
    /// </summary>
    public BufferUnavailableException Explain(Exception exception, IConnectionMultiplexer multiplexer)
    {
        var error = RedisErrors.Translate(exception, multiplexer);
        if (multiplexer.IsConnected || !RedisErrors.IsSilence(error))
        {
            return error;
        }

        var last = Volatile.Read(ref _attempt);
        var age = last is null ? TimeSpan.MaxValue : time.GetElapsedTime(last.At);
        if (age >= PauseBetweenAttempts
            && Interlocked.CompareExchange(ref _attempt, new Attempt(time.GetTimestamp(), last?.Failure), last) == last)
        {
            Detached.Start(static diagnosis => diagnosis.AttemptAsync(), this);
        }

        return last?.Failure is { } failure && age < 10 * PauseBetweenAttempts ? RedisErrors.Translate(failure) : error;
    }

    /// <summary>
    /// Has the library look who is master now. It does so by itself once a minute only, and until then sends every write to a server that
    /// refuses it.
    /// </summary>
    public void AskForRoles(params ReadOnlySpan<IConnectionMultiplexer?> connections)
    {
        var (now, asked) = (time.GetTimestamp(), Volatile.Read(ref _rolesAskedAt));
        if ((asked != 0 && time.GetElapsedTime(asked, now) < PauseBetweenRoles)
            || Interlocked.CompareExchange(ref _rolesAskedAt, now, asked) != asked)
        {
            return;
        }

        foreach (var connection in connections.ToArray().OfType<IConnectionMultiplexer>().Distinct())
        {
            Detached.Start(AskAsync, connection);
        }

        static async Task AskAsync(IConnectionMultiplexer connection)
        {
            try
            {
                await connection.ConfigureAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (RedisErrors.IsRedis(e, CancellationToken.None))
            {
                // The next refusal asks again.
            }
        }
    }

    /// <summary>Where Redis is, without user names and passwords.</summary>
    public string Description { get; } = string.Join(',', configuration.EndPoints.Select(NameOf));

    /// <summary>
    /// Says what it is where a proxy answers that lets no INFO through: it closes the connection at the library's first words, which looks
    /// like a server that does not run. A server that answers by now is none: it was merely slow before.
    /// </summary>
    /// <exception cref="ConfigurationException">Such a proxy is there.</exception>
    public async Task RefuseProxyAsync(RedisKey any)
    {
        var plain = configuration.Clone();
        plain.Proxy = Proxy.Twemproxy;
        plain.ConnectTimeout = Math.Min(plain.ConnectTimeout, 2000);
        plain.AsyncTimeout = plain.ConnectTimeout;
        plain.ConnectRetry = 1;
        try
        {
            var multiplexer = await ConnectionMultiplexer.ConnectAsync(plain).ConfigureAwait(false);
            await using (multiplexer.ConfigureAwait(false))
            {
                await multiplexer.GetDatabase().KeyExistsAsync(any).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (RedisErrors.IsRedis(e, CancellationToken.None) || e is NotSupportedException)
        {
            return;
        }

        if (!await AttemptAsync().ConfigureAwait(false))
        {
            throw ProxyRefused();
        }
    }

    /// <summary>The same where the application names that proxy.</summary>
    public void RefuseProxy(Proxy proxy)
    {
        if (proxy == Proxy.Twemproxy)
        {
            throw ProxyRefused();
        }
    }

    private ConfigurationException ProxyRefused() => new(
        "UseRedis",
        $"At {Description} a proxy answers that has no WATCH, MULTI and INFO (Twemproxy, for example). Without WATCH and MULTI newer " +
        "writes would be lost when saved entities are made clean, and such a proxy sends a script to the server of its first key. " +
        "Connect to Redis (or Redis Cluster) itself.");

    /// <summary>Tries to connect, and notes why it fails.</summary>
    /// <returns>Whether it succeeded.</returns>
    private async Task<bool> AttemptAsync()
    {
        var connected = false;
        Exception? failure = null;
        try
        {
            var connection = await ConnectionMultiplexer.ConnectAsync(configuration.Clone()).ConfigureAwait(false);
            connected = connection.IsConnected;
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (RedisErrors.IsRedis(e, CancellationToken.None))
        {
            failure = RedisErrors.OfConnection(e) is null ? null : e;
        }

        Volatile.Write(ref _attempt, new Attempt(time.GetTimestamp(), failure));
        return connected;
    }

    /// <summary>The last try to find out why there is no connection.</summary>
    /// <param name="At">When it began, or was over.</param>
    /// <param name="Failure">What it failed with, where that says more than that nobody answers.</param>
    private sealed record Attempt(long At, Exception? Failure);
}

/// <summary>Tells servers apart: each start of one has a run id of its own.</summary>
internal static class RunIds
{
    /// <summary>The run id of the server that holds each key; null where it does not say, or does not answer.</summary>
    public static async Task<string?[]> ReadAsync(RedisConnections redis, IReadOnlyList<RedisKey> keys, CancellationToken cancellationToken)
    {
        var database = await redis.AdministratorAsync(cancellationToken).ConfigureAwait(false);

        // Once: a connection that is made anew meanwhile leaves it open.
        var isOne = redis.IsOneServer;
        var asked = isOne ? keys.Take(1) : keys;
        var endpoints = await Task.WhenAll(asked.Select(key => FindAsync(redis, database, key, cancellationToken))).ConfigureAwait(false);
        var ids = new Dictionary<EndPoint, string?>();
        foreach (var endpoint in endpoints.OfType<EndPoint>().Distinct())
        {
            ids.Add(endpoint, await ReadAsync(redis, database, endpoint, cancellationToken).ConfigureAwait(false));
        }

        return [.. keys.Select((_, i) => endpoints[isOne ? 0 : i] is { } endpoint ? ids[endpoint] : null)];
    }

    /// <summary>Which server holds the key; null where that one does not answer. The library finds out with a command.</summary>
    private static async Task<EndPoint?> FindAsync(
        RedisConnections redis, IDatabase database, RedisKey key, CancellationToken cancellationToken)
    {
        try
        {
            return await redis.RunOnAsync(
                database,
                static (db, key) => db.IdentifyEndpointAsync(key, CommandFlags.DemandMaster),
                key,
                cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            return null;
        }
    }

    private static async Task<string?> ReadAsync(
        RedisConnections redis, IDatabase database, EndPoint endpoint, CancellationToken cancellationToken)
    {
        try
        {
            var info = await redis.RunOnAsync(
                database, db => db.Multiplexer.GetServer(endpoint).InfoAsync("server"), cancellationToken).ConfigureAwait(false);
            return info.SelectMany(static group => group).FirstOrDefault(static pair => pair.Key == "run_id").Value;
        }
        catch (BufferUnavailableException)
        {
            // It went away, or INFO is not allowed: RedisSettings says so.
            return null;
        }
    }
}
