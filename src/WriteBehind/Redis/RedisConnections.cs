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
    private readonly RedisConnectionSource _source;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private readonly ConnectionDiagnosis _diagnosis;
    private IConnectionMultiplexer? _shared;
    private IConnectionMultiplexer? _settle;
    private readonly ServerProof? _proof;
    private IConnectionMultiplexer? _waiting;
    private bool? _isOneServer;
    private int _proved;
    private int _proofs;

    public RedisConnections(
        RedisConnectionSource source, TimeProvider time, WriteBehindOptions? options = null, ServerProof? proof = null)
    {
        (_source, _time, _proof) = (source, time, proof);
        _diagnosis = new ConnectionDiagnosis(source.For(ConnectionRole.Shared), time);
        var limit = options?.WriteTimeout.TotalMilliseconds ?? double.MaxValue;
        _timeout = TimeSpan.FromMilliseconds(Math.Max(100, Math.Min(_source.Configuration.AsyncTimeout, limit)));
    }

    /// <summary>
    /// A channel's name for a script that publishes: with the configuration's <c>channelPrefix</c>, which the library puts before what is
    /// subscribed to and published by itself, and not into the arguments of scripts.
    /// </summary>
    public RedisValue ChannelForScripts(string channel) => (string?)_source.Configuration.ChannelPrefix + channel;

    /// <summary>What is to be done after a connection broke and is back.</summary>
    public Action? Restored { get; set; }

    /// <summary>Where Redis is, without user names and passwords.</summary>
    public string Description => _diagnosis.Description;

    /// <summary>Whether one server holds all keys, so that a script may touch any of them: tried out with each new connection.</summary>
    public bool IsOneServer => _isOneServer == true;

    /// <summary>Whether that was found out of the servers that are connected now; calls for each shard are right everywhere.</summary>
    public bool IsOneServerKnown => _isOneServer is not null;

    /// <summary>Whether what the protocol relies on was proved of the servers that are connected now.</summary>
    public bool IsProved => Volatile.Read(ref _proved) == 1;

    /// <summary>How many times that was proved.</summary>
    internal int Proofs => Volatile.Read(ref _proofs);

    /// <summary>Whether the application is to start without Redis, as it does with <c>abortConnect=false</c>.</summary>
    public bool MayBeAwayAtStart => !_source.Configuration.AbortOnConnectFail;

    /// <summary>Whether the client is told of a proxy, behind which it can't speak with single servers.</summary>
    public bool IsBehindProxy => _source.Configuration.Proxy != Proxy.None;

    /// <summary>The database that everything else uses.</summary>
    public async ValueTask<IDatabase> SharedAsync(CancellationToken cancellationToken)
        => (Volatile.Read(ref _shared)
            ?? await ConnectAsync(ConnectionRole.Shared, () => _shared, KeepShared, cancellationToken).ConfigureAwait(false))
            .GetDatabase();

    public async Task<IConnectionMultiplexer> GetAsync(CancellationToken cancellationToken = default)
        => (await SharedAsync(cancellationToken).ConfigureAwait(false)).Multiplexer;

    /// <summary>The database for settle transactions.</summary>
    /// <exception cref="ConfigurationException">A new connection does not guard them.</exception>
    public async ValueTask<IDatabase> SettleAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _settle) is { } present)
        {
            return present.GetDatabase();
        }

        var shared = _proof is null ? null : await SharedAsync(cancellationToken).ConfigureAwait(false);

        return (await ConnectAsync(
            ConnectionRole.Settle, () => _settle, made => KeepSettleAsync(made, shared, cancellationToken), cancellationToken)
            .ConfigureAwait(false)).GetDatabase();
    }

    /// <summary>The database for writes that wait for replicas: the write and its <c>WAIT</c>.</summary>
    public async ValueTask<IDatabase> WaitingAsync(CancellationToken cancellationToken)
        => (Volatile.Read(ref _waiting)
            ?? await ConnectAsync(ConnectionRole.Waiting, () => _waiting, KeepWaiting, cancellationToken).ConfigureAwait(false))
            .GetDatabase();

    /// <summary>The database that may ask for INFO. An application's own connection may not, unless it has <c>allowAdmin</c>.</summary>
    public ValueTask<IDatabase> AdministratorAsync(CancellationToken cancellationToken)
        => _source.Connection is null ? SharedAsync(cancellationToken) : SettleAsync(cancellationToken);

    /// <summary>A key for what is only tried out.</summary>
    public RedisKey ProofKey => _proof?.Key ?? "wb:proof";

    /// <summary>
    /// Proves what the protocol relies on of the servers that are connected now. Nothing where there is nothing to prove.
    /// </summary>
    /// <exception cref="ConfigurationException">It does not hold; the message names the setting and the way out.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task ProveAsync(CancellationToken cancellationToken)
    {
        if (_proof is null)
        {
            return;
        }

        _diagnosis.RefuseProxy(_source.Configuration.Proxy);
        Volatile.Write(ref _proved, 1);
        try
        {
            var shared = await SharedAsync(cancellationToken).ConfigureAwait(false);
            if (!IsBehindProxy)
            {
                await MastersAsync(cancellationToken).ConfigureAwait(false);
            }

            var settle = await SettleAsync(cancellationToken).ConfigureAwait(false);
            await _proof.ProveScriptsAsync(this, shared, settle, cancellationToken).ConfigureAwait(false);
            await FindOneServerAsync(isNeeded: false, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _proofs);
        }
        catch
        {
            Volatile.Write(ref _proved, 0);
            throw;
        }
    }

    /// <summary>
    /// Finds out whether one server holds all keys, unless that is known. At maxmemory nothing can be tried: it stays unknown, which is an
    /// error only where it is needed, and the watch asks until it is known.
    /// </summary>
    /// <exception cref="ConfigurationException">A script does not even find all keys of one shard.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away; or is at maxmemory, and it is needed.</exception>
    public async Task FindOneServerAsync(bool isNeeded, CancellationToken cancellationToken)
    {
        if (_proof is null || IsOneServerKnown)
        {
            return;
        }

        var shared = await SharedAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _isOneServer = (IsBehindProxy || MayBeOneServer(shared.Multiplexer))
                && await _proof.IsOneServerAsync(this, shared, cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (!isNeeded && RedisErrors.MayBeOutOfMemory(e))
        {
        }
        catch (ConfigurationException)
        {
            Volatile.Write(ref _proved, 0);
            throw;
        }
    }

    /// <summary>
    /// Looks whether the settle connection is still guarded; a right may be taken away at any time. Gives it up where it is not.
    /// </summary>
    /// <exception cref="ConfigurationException">It is not.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task ProveStillWatchedAsync(CancellationToken cancellationToken)
    {
        if (_proof is null)
        {
            return;
        }

        var settle = await SettleAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _proof.ProveStillWatchedAsync(this, settle, cancellationToken).ConfigureAwait(false);
        }
        catch (ConfigurationException)
        {
            DropSettle(settle);
            throw;
        }
    }

    /// <summary>The master servers, for reading their settings.</summary>
    /// <exception cref="BufferUnavailableException">There is none, or not all of them are connected.</exception>
    public async Task<IReadOnlyList<IServer>> MastersAsync(CancellationToken cancellationToken)
    {
        var multiplexer = (await AdministratorAsync(cancellationToken).ConfigureAwait(false)).Multiplexer;
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
            throw new BufferUnavailableException(
                $"The master {ConnectionDiagnosis.NameOf(missing.EndPoint)} of the Redis cluster is not connected.");
        }

        return connected;
    }

    /// <summary>
    /// Runs a command with a time-out of our own: the library's is as late as its heartbeat, a second, and a token ends none of its waits.
    /// </summary>
    /// <exception cref="BufferUnavailableException">Redis did not answer, or refused.</exception>
    public async Task<T> RunAsync<T>(Func<IDatabase, Task<T>> command, CancellationToken cancellationToken)
        => await RunOnAsync(await SharedAsync(cancellationToken).ConfigureAwait(false), command, cancellationToken).ConfigureAwait(false);

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
            if (RedisErrors.MayHaveNewMaster(e, database.Multiplexer))
            {
                _diagnosis.AskForRoles(
                    database.Multiplexer, Volatile.Read(ref _shared), Volatile.Read(ref _settle), Volatile.Read(ref _waiting));
            }

            throw _diagnosis.Explain(e, database.Multiplexer);
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
    /// <param name="failed">What <see cref="SettleAsync"/> gave. Many settles share a connection and fail together: the late ones must not
    /// take away the one that the first of them had opened anew.</param>
    public void DropSettle(IDatabase failed)
    {
        var multiplexer = failed.Multiplexer;
        if (ReferenceEquals(Interlocked.CompareExchange(ref _settle, null, multiplexer), multiplexer))
        {
            // Not waited for: what it is to end may hang, and its own threads may be the ones it waits for.
            _ = CloseAsync(multiplexer);
        }
    }

    private static async Task CloseAsync(IConnectionMultiplexer multiplexer)
    {
        try
        {
            await Detached.RunAsync(() => multiplexer.CloseAsync(allowCommandsToComplete: false)).ConfigureAwait(false);
            await multiplexer.DisposeAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // It is given up, whatever it says to that.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        _source.Connection?.ConnectionRestored -= DoubtServers;
        IConnectionMultiplexer?[] all = [_shared, _settle, _waiting];
        foreach (var multiplexer in all.OfType<IConnectionMultiplexer>().Where(connection => connection != _source.Connection))
        {
            // A Redis that hangs must not hold up the end of the process.
            await Task.WhenAny(CloseAsync(multiplexer), Task.Delay(_timeout, _time)).ConfigureAwait(false);
        }

        _connecting.Dispose();
    }

    /// <summary>
    /// Opens a connection once for all who ask at a time. Only here is it kept: whoever kept it later might keep one that was given up
    /// meanwhile.
    /// </summary>
    private async Task<IConnectionMultiplexer> ConnectAsync(
        ConnectionRole role, Func<IConnectionMultiplexer?> present, Func<IConnectionMultiplexer, ValueTask> keep,
        CancellationToken cancellationToken)
    {
        await _connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (present() is { } made)
            {
                return made;
            }

            // The timers and threads of a new one live as long as the process, and keep the context in which they were made.
            var multiplexer = role == ConnectionRole.Shared && _source.Connection is { } given
                ? given
                : await Detached.RunAsync(
                    static configuration => ConnectionMultiplexer.ConnectAsync(configuration), _source.For(role)).ConfigureAwait(false);
            await keep(multiplexer).ConfigureAwait(false);
            return multiplexer;
        }
        catch (Exception e) when (RedisErrors.IsRedis(e, cancellationToken))
        {
            if (!IsBehindProxy && Volatile.Read(ref _shared) is null)
            {
                await _diagnosis.RefuseProxyAsync(ProofKey).ConfigureAwait(false);
            }

            var hint = RedisErrors.OfConnection(e) ?? "check the address, that the server runs, and whether it wants TLS (ssl=true).";
            throw new BufferUnavailableException($"Can't connect to Redis at {Description}: {hint}", cause: e);
        }
        finally
        {
            _connecting.Release();
        }
    }

    private ValueTask KeepShared(IConnectionMultiplexer multiplexer)
    {
        _isOneServer = _proof is null ? MayBeOneServer(multiplexer) : null;
        multiplexer.ConnectionRestored += DoubtServers;
        Volatile.Write(ref _shared, multiplexer);
        return default;
    }

    /// <summary>Who answers now may be another server, or several. Calls for each shard are right everywhere.</summary>
    private void DoubtServers(object? sender, ConnectionFailedEventArgs restored)
    {
        if (restored.ConnectionType == ConnectionType.Interactive && _proof is not null)
        {
            _isOneServer = null;
            Volatile.Write(ref _proved, 0);
            Restored?.Invoke();
        }
    }

    private ValueTask KeepWaiting(IConnectionMultiplexer multiplexer)
    {
        Volatile.Write(ref _waiting, multiplexer);
        return default;
    }

    /// <summary>
    /// A settle connection is proved before anybody has it, and given up where the library loses it: the one that it would make in its
    /// place may lead to another server, or have lost a right, and nobody would have looked.
    /// </summary>
    private async ValueTask KeepSettleAsync(IConnectionMultiplexer multiplexer, IDatabase? shared, CancellationToken cancellationToken)
    {
        if (_proof is not null)
        {
            try
            {
                await _proof.ProveSettleAsync(this, multiplexer.GetDatabase(), shared!, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                multiplexer.Dispose();
                throw;
            }

            // Restored: a server that was away when the connection was proved. Not that one's vain tries before that.
            multiplexer.ConnectionFailed += GiveUp;
            multiplexer.ConnectionRestored += GiveUp;
        }

        Volatile.Write(ref _settle, multiplexer);

        void GiveUp(object? sender, ConnectionFailedEventArgs changed)
        {
            if (changed is { ConnectionType: ConnectionType.Interactive, FailureType: not ConnectionFailureType.UnableToConnect })
            {
                DropSettle(multiplexer.GetDatabase());
            }
        }
    }

    private bool MayBeOneServer(IConnectionMultiplexer multiplexer)
        => !IsBehindProxy
            && multiplexer.GetEndPoints().All(endpoint => multiplexer.GetServer(endpoint).ServerType == ServerType.Standalone);
}
