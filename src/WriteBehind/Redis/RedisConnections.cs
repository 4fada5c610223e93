using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>
/// The one owner of the engine's Redis connections: one shared by everything; one for settle transactions alone, because the conditions
/// of a transaction hold their connection for a round trip and would stall every write behind them; and where writes wait for replicas
/// one for these writes alone, because Redis answers nothing else on a connection that waits.
/// </summary>
internal sealed class RedisConnections : IRedisConnection, IAsyncDisposable
{
    private readonly ConfigurationOptions _configuration;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private IConnectionMultiplexer? _shared;
    private IConnectionMultiplexer? _settle;
    private IConnectionMultiplexer? _waiting;

    public RedisConnections(RedisConnectionSource source, TimeProvider time)
    {
        _time = time;
        _configuration = source.Configuration.Clone();
        // The first connect must fail with an error rather than hand out a connection that may never work; later ones are re-made by the
        // library.
        _configuration.AbortOnConnectFail = true;
        // The library counts INFO among the administrator's commands. It is the only one used.
        _configuration.AllowAdmin = true;
        _timeout = TimeSpan.FromMilliseconds(Math.Max(100, _configuration.AsyncTimeout));
    }

    /// <summary>Where Redis is, without user names and passwords.</summary>
    public string Description => string.Join(',', _configuration.EndPoints.Select(Describe));

    /// <summary>
    /// Whether one server holds all keys, so that a script may touch any of them: known once there is a connection. A proxy that hides
    /// several servers is known by <c>proxy=</c> in the configuration, or else by its refusal.
    /// </summary>
    public bool IsOneServer { get; private set; }

    /// <summary>The database that everything else uses.</summary>
    public async ValueTask<IDatabase> SharedAsync(CancellationToken cancellationToken)
        => (Volatile.Read(ref _shared)
            ?? await ConnectAsync(() => _shared, KeepShared, cancellationToken).ConfigureAwait(false)).GetDatabase();

    public async Task<IConnectionMultiplexer> GetAsync(CancellationToken cancellationToken = default)
        => (await SharedAsync(cancellationToken).ConfigureAwait(false)).Multiplexer;

    /// <summary>The database for settle transactions.</summary>
    public async ValueTask<IDatabase> SettleAsync(CancellationToken cancellationToken)
        => (Volatile.Read(ref _settle)
            ?? await ConnectAsync(
                () => _settle, value => Volatile.Write(ref _settle, value), cancellationToken).ConfigureAwait(false)).GetDatabase();

    /// <summary>The database for writes that wait for replicas: the write and its <c>WAIT</c>.</summary>
    public async ValueTask<IDatabase> WaitingAsync(CancellationToken cancellationToken)
        => (Volatile.Read(ref _waiting)
            ?? await ConnectAsync(
                () => _waiting, value => Volatile.Write(ref _waiting, value), cancellationToken).ConfigureAwait(false)).GetDatabase();

    /// <summary>The master servers, for reading their settings.</summary>
    /// <exception cref="BufferUnavailableException">There is none, or not all of them are connected.</exception>
    public async Task<IReadOnlyList<IServer>> MastersAsync(CancellationToken cancellationToken)
    {
        var multiplexer = (await SharedAsync(cancellationToken).ConfigureAwait(false)).Multiplexer;
        IServer[] servers =
            [.. multiplexer.GetEndPoints().Select(endpoint => multiplexer.GetServer(endpoint)).Where(server => !server.IsReplica)];
        IServer[] connected = [.. servers.Where(server => server.IsConnected)];
        if (connected.Length == 0)
        {
            throw new BufferUnavailableException(
                $"No master of Redis at {Description} is connected: nothing answers there, or a read-only replica does. Point the " +
                "configuration at the master.");
        }

        // Outside a cluster a server that was never connected may well be a replica, and one connected master is all there is. In a
        // cluster those that hold slots are masters; one that failed over to its replica holds none any more.
        var slots = connected.Select(server => server.ClusterConfiguration).FirstOrDefault(configuration => configuration is not null);
        if (servers.FirstOrDefault(server => !server.IsConnected && slots?[server.EndPoint] is { Slots.Count: > 0 }) is { } missing)
        {
            throw new BufferUnavailableException($"The master {Describe(missing.EndPoint)} of the Redis cluster is not connected.");
        }

        return connected;
    }

    /// <summary>
    /// Runs a command with a time-out of our own: the library's is as late as its heartbeat, a second, and a token ends none of its waits.
    /// </summary>
    /// <exception cref="BufferUnavailableException">Redis did not answer, or refused.</exception>
    public async Task<T> RunAsync<T>(Func<IDatabase, Task<T>> command, CancellationToken cancellationToken)
    {
        var database = await SharedAsync(cancellationToken).ConfigureAwait(false);
        return await RunOnAsync(database, command, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The same on a given connection.</summary>
    public Task<T> RunOnAsync<T>(IDatabase database, Func<IDatabase, Task<T>> command, CancellationToken cancellationToken)
        => RunOnAsync(database, static (db, command) => command(db), command, cancellationToken);

    /// <summary>The same, without an object for what the command needs: this is on the way of every write.</summary>
    public async Task<T> RunOnAsync<TState, T>(
        IDatabase database, Func<IDatabase, TState, Task<T>> command, TState state, CancellationToken cancellationToken)
    {
        Task<T>? answer = null;
        try
        {
            answer = command(database, state);
            return await answer.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisErrors.IsRedis(e, cancellationToken))
        {
            throw RedisErrors.Translate(e);
        }
        finally
        {
            // Only here, as most are answered.
            _ = answer?.MayBeAbandoned();
        }
    }

    /// <summary>
    /// Gives the settle connection up; the next settle opens a new one. After a restart of Redis the library may keep one that refuses
    /// every transaction (seen with 2.13).
    /// </summary>
    /// <param name="failed">
    /// What <see cref="SettleAsync"/> gave. Many settles share a connection and fail together: the late ones must not take away the one
    /// that the first of them had opened anew.
    /// </param>
    public void DropSettle(IDatabase failed)
    {
        var multiplexer = failed.Multiplexer;
        if (ReferenceEquals(Interlocked.CompareExchange(ref _settle, null, multiplexer), multiplexer))
        {
            multiplexer.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var multiplexer in new[] { _shared, _settle, _waiting })
        {
            if (multiplexer is not null)
            {
                await multiplexer.DisposeAsync().ConfigureAwait(false);
            }
        }

        _connecting.Dispose();
    }

    /// <summary>
    /// Opens a connection once for all who ask at a time. Only here is it kept: whoever kept it later might keep one that was given up
    /// meanwhile.
    /// </summary>
    private async Task<IConnectionMultiplexer> ConnectAsync(
        Func<IConnectionMultiplexer?> present, Action<IConnectionMultiplexer> keep, CancellationToken cancellationToken)
    {
        await _connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (present() is { } made)
            {
                return made;
            }

            var multiplexer = await ConnectionMultiplexer.ConnectAsync(_configuration.Clone()).ConfigureAwait(false);
            keep(multiplexer);
            return multiplexer;
        }
        catch (Exception e) when (RedisErrors.IsRedis(e, cancellationToken))
        {
            var hint = e.Message.Contains("auth", StringComparison.OrdinalIgnoreCase)
                || e.Message.Contains("password", StringComparison.OrdinalIgnoreCase)
                ? "it refuses the user name or password."
                : "check the address, and that the server runs.";
            throw new BufferUnavailableException($"Can't connect to Redis at {Description}: {hint}", cause: e);
        }
        finally
        {
            _connecting.Release();
        }
    }

    private void KeepShared(IConnectionMultiplexer multiplexer)
    {
        IsOneServer = _configuration.Proxy == Proxy.None
            && multiplexer.GetEndPoints().All(endpoint => multiplexer.GetServer(endpoint).ServerType == ServerType.Standalone);
        Volatile.Write(ref _shared, multiplexer);
    }

    private static string Describe(EndPoint endpoint) => endpoint switch
    {
        DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
        IPEndPoint { AddressFamily: AddressFamily.InterNetworkV6 } ip => $"[{ip.Address}]:{ip.Port}",
        _ => endpoint.ToString() ?? "?",
    };
}
