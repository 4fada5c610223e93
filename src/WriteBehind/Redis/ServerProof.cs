using StackExchange.Redis;

namespace WriteBehind.Redis;

/// <summary>
/// Tries out what the protocol relies on, instead of trusting a name or a version: that scripts are one step, that a WATCHed key which
/// changed aborts its transaction, and that a script finds its keys where single commands put them. A user without a right, a renamed
/// command, a proxy, another server under Redis' protocol: the client library says nothing of any of these, and writes would be lost
/// without a word.
/// </summary>
/// <param name="prefix">What every key begins with.</param>
/// <param name="roots">What the keys of each shard begin with; the proofs' own keys stand beside them.</param>
/// <param name="others">The same of what has no settles and may share calls all the same.</param>
internal sealed class ServerProof(string prefix, IReadOnlyList<string> roots, IReadOnlyList<string>? others = null)
{
    private const string Setting = "UseRedis";
    private const int MostKeys = 16;

    /// <summary>
    /// How often a guard that does not hold is tried. The library opens a lost connection anew and sends the rest of a proof over that one,
    /// which watches nothing: once is no proof, and a proxy that shares connections fails each time.
    /// </summary>
    private const int Tries = 5;

    /// <summary>Scripts are sent in pairs this often. One pair is missed where both happen to run one after the other.</summary>
    private const int Rounds = 12;

    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(1);

    /// <summary>
    /// One of two scripts that are sent at once over two connections. Each counts itself, and looks for the other to be counted while it
    /// runs: about two milliseconds. KEYS: the counter. ARGV: how often to look, TTL in ms. Returns 1 where the other came in between.
    /// </summary>
    private static readonly RedisScript Meeting = new("""
        local mine = redis.call('INCR', KEYS[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        for _ = 1, ARGV[1] do
          if tonumber(redis.call('GET', KEYS[1])) ~= mine then return 1 end
        end
        return 0
        """);

    /// <summary>KEYS: any. Returns how many of them hold the value that is the one argument.</summary>
    private static readonly RedisScript CountValues = new("""
        local found = 0
        for k = 1, #KEYS do
          if redis.call('GET', KEYS[k]) == ARGV[1] then found = found + 1 end
        end
        return found
        """);

    /// <summary>A key for what is only tried out.</summary>
    public RedisKey Key => roots.Count == 0 ? $"{prefix}:proof" : $"{roots[0]}:proof";

    /// <summary>
    /// Shards of which each is on another server of a cluster, with that server; a single one where there is no cluster. (Commands without
    /// a key are routed anywhere in a cluster, so there they are sent to the server itself.)
    /// </summary>
    private List<(string Root, IServer? Server)> OnePerServer(RedisConnections redis, IConnectionMultiplexer multiplexer)
    {
        if (roots.Count == 0)
        {
            return [];
        }

        var cluster = redis.IsBehindProxy
            ? null
            : multiplexer.GetEndPoints()
                .Select(endpoint => multiplexer.GetServer(endpoint))
                .FirstOrDefault(server => server.IsConnected && server.ServerType == ServerType.Cluster)?.ClusterConfiguration;
        return cluster is null
            ? [(roots[0], null)]
            : [.. roots
                .Select(root => (Root: root, cluster.GetBySlot(multiplexer.HashSlot(root))?.EndPoint))
                .Where(place => place.EndPoint is not null)
                .DistinctBy(place => place.EndPoint)
                .Select(place => (place.Root, (IServer?)multiplexer.GetServer(place.EndPoint!)))];
    }

    /// <summary>
    /// Proves a connection for settle transactions, before the first of them: a transaction whose watched key another connection changed
    /// must abort, one whose key stayed must be carried out, with every command that a settle sends. A server of a cluster that is away is
    /// passed over: what the others hold goes on, and when it comes back the connection is given up for a new one.
    /// </summary>
    /// <exception cref="ConfigurationException">It does not hold; the message names the right or the command.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task ProveSettleAsync(RedisConnections redis, IDatabase settle, IDatabase other, CancellationToken cancellationToken)
    {
        var present = OnePerServer(redis, settle.Multiplexer).Where(static place => place.Server is not { IsConnected: false });
        foreach (var (root, server) in present)
        {
            var nonce = Guid.NewGuid().ToString("n");
            RedisKey key = $"{root}:proof:{nonce}";
            for (var refusals = 0; refusals >= 0;)
            {
                refusals = await ProveAsync(server, root, key, nonce, refusals).ConfigureAwait(false);
            }
        }

        // How often it was refused, where that is not clear yet; -1 once it is.
        async Task<int> ProveAsync(IServer? server, string root, RedisKey key, string nonce, int refusals)
        {
            try
            {
                for (var tries = 1; !await IsGuardedAsync(server, key, nonce).ConfigureAwait(false); tries++)
                {
                    if (tries == Tries)
                    {
                        throw await AreTogetherAsync(server, key, nonce).ConfigureAwait(false)
                            ? Unguarded(
                                "WATCH is accepted and guards nothing: a transaction went through although its watched key had changed. " +
                                "A proxy that shares connections stands in between, perhaps.")
                            : TakenOver(redis);
                    }
                }

                if (!await IsCarriedOutAsync(settle, key, root, nonce).ConfigureAwait(false))
                {
                    return refusals + 1 < Tries
                        ? refusals + 1
                        : throw Unguarded(
                            "a transaction whose watched key had not changed was not carried out; the user may lack the right to read it " +
                            "(ACL SETUSER … +hget).");
                }

                await RunAsync(other, db => db.KeyDeleteAsync(key)).ConfigureAwait(false);
                await RunAsync(other, db => db.KeyDeleteAsync($"{root}:proof:f:{nonce}")).ConfigureAwait(false);
            }
            catch (BufferUnavailableException e) when (RedisErrors.MayBeOutOfMemory(e))
            {
                // At maxmemory nothing can be tried, and a process that can't start drains nothing. WATCH itself was accepted. But where a
                // write is accepted, it is a right that is missing: EXEC says of both only that a command was refused. Each time: it may
                // have been full, or without its replicas, for that moment alone.
                if (await IsWritableAsync(key).ConfigureAwait(false))
                {
                    if (refusals + 1 < Tries)
                    {
                        return refusals + 1;
                    }

                    throw Unguarded(
                        $"{e.InnerException!.Message} One of the commands that it queued was refused. Give the user the rights (ACL " +
                        "SETUSER … +pexpire +expire +set +del +zrem +zremrangebyscore +hget).",
                        e);
                }
            }
            catch (BufferUnavailableException e) when (RedisErrors.IsForbidden(e))
            {
                throw Unguarded(
                    $"{e.InnerException!.Message} The transactions that make saved entities clean need WATCH, MULTI and EXEC and what " +
                    "they queue. Give the user the rights (ACL SETUSER … +@transaction), or, where a command was renamed or taken away " +
                    "(rename-command, commandMap=), undo that.",
                    e);
            }

            return -1;
        }

        Task<T> RunAsync<T>(IDatabase database, Func<IDatabase, Task<T>> command) => redis.RunOnAsync(database, command, cancellationToken);

        async Task<bool> IsWritableAsync(RedisKey key)
        {
            try
            {
                await RunAsync(other, db => db.HashSetAsync(key, "w", "again")).ConfigureAwait(false);
                await RunAsync(other, db => db.KeyDeleteAsync(key)).ConfigureAwait(false);
                return true;
            }
            catch (BufferUnavailableException e) when (RedisErrors.MayBeOutOfMemory(e))
            {
                return false;
            }
        }

        // The WATCH by hand, as the library's own transactions drop its refusal.
        Task<RedisResult> SendAsync(IServer? server, string command, params object[] arguments)
            => RunAsync(settle, db => server is null ? db.ExecuteAsync(command, arguments) : server.ExecuteAsync(command, arguments));

        async Task<bool> IsGuardedAsync(IServer? server, RedisKey key, string nonce)
        {
            await SendAsync(server, "WATCH", key).ConfigureAwait(false);
            await RunAsync(other, db => db.HashSetAsync(key, "w", nonce)).ConfigureAwait(false);
            await RunAsync(other, db => db.KeyExpireAsync(key, KeptFor)).ConfigureAwait(false);

            // The rest not by hand: the library sends its transactions in one piece. Between MULTI and EXEC sent one by one it would put
            // the PING of a look at its servers, take the QUEUED that answers it for a broken protocol, and close the connection.
            var transaction = settle.CreateTransaction();
            _ = transaction.KeyDeleteAsync(key, CommandFlags.FireAndForget);
            return !await RunAsync(settle, _ => transaction.ExecuteAsync()).ConfigureAwait(false);
        }

        // While one server takes over from another the two connections may lead to either.
        async Task<bool> AreTogetherAsync(IServer? server, RedisKey key, string nonce)
        {
            await RunAsync(other, db => db.HashSetAsync(key, "w", nonce)).ConfigureAwait(false);
            await RunAsync(other, db => db.KeyExpireAsync(key, KeptFor)).ConfigureAwait(false);
            return (string?)await SendAsync(server, "HGET", key, "w").ConfigureAwait(false) == nonce;
        }

        // Seen where the user has all rights, under faults (docs/faults.md): once is no proof here either.
        Task<bool> IsCarriedOutAsync(IDatabase database, RedisKey key, string root, string nonce)
        {
            var transaction = database.CreateTransaction();
            transaction.AddCondition(Condition.HashEqual(key, "w", nonce));
            _ = transaction.KeyExpireAsync(key, KeptFor, flags: CommandFlags.FireAndForget);
            _ = transaction.StringSetAsync(
                $"{root}:proof:f:{nonce}", nonce, TimeSpan.FromSeconds(1), When.Always, CommandFlags.FireAndForget);
            _ = transaction.ExecuteAsync("DEL", [(RedisKey)$"{root}:proof:e:{nonce}"], CommandFlags.FireAndForget);
            _ = transaction.SortedSetRemoveAsync($"{root}:proof:z:{nonce}", [nonce], CommandFlags.FireAndForget);
            _ = transaction.SortedSetRemoveRangeByScoreAsync($"{root}:proof:z:{nonce}", 0, 0, flags: CommandFlags.FireAndForget);
            return RunAsync(database, _ => transaction.ExecuteAsync());
        }
    }

    /// <summary>
    /// Whether WATCH is still accepted on a connection that is in use. Asks for nothing that would disturb a transaction under way.
    /// </summary>
    /// <exception cref="ConfigurationException">It is refused.</exception>
    public async Task ProveStillWatchedAsync(RedisConnections redis, IDatabase settle, CancellationToken cancellationToken)
    {
        foreach (var (root, _) in OnePerServer(redis, settle.Multiplexer))
        {
            try
            {
                RedisKey key = $"{root}:proof:w";
                await redis.RunOnAsync(settle, db => db.ExecuteAsync("WATCH", key), cancellationToken).ConfigureAwait(false);
            }
            catch (BufferUnavailableException e) when (RedisErrors.IsForbidden(e))
            {
                throw Unguarded(
                    $"{e.InnerException!.Message} Give the user the right back (ACL SETUSER … +watch); until then nothing is settled.", e);
            }
        }
    }

    /// <summary>Proves that scripts are one step each: of two that run at once, neither sees the other.</summary>
    /// <exception cref="ConfigurationException">They interleave, or are not run at all.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task ProveScriptsAsync(RedisConnections redis, IDatabase one, IDatabase two, CancellationToken cancellationToken)
    {
        foreach (var (root, _) in OnePerServer(redis, one.Multiplexer))
        {
            try
            {
                for (var round = 0; round < Rounds; round++)
                {
                    RedisKey key = $"{root}:proof:{Guid.NewGuid():n}";
                    RedisValue[] arguments = [500, (long)KeptFor.TotalMilliseconds];
                    var replies = await Task.WhenAll(
                        Meeting.RunOnAsync(redis, one, [key], arguments, cancellationToken),
                        Meeting.RunOnAsync(redis, two, [key], arguments, cancellationToken)).ConfigureAwait(false);
                    await redis.RunOnAsync(one, db => db.KeyDeleteAsync(key), cancellationToken).ConfigureAwait(false);
                    if (replies.Any(static reply => reply.NextFlag()))
                    {
                        throw new ConfigurationException(
                            Setting,
                            $"The server at {redis.Description} runs scripts that interleave: one saw what another did while it ran. " +
                            "Every write is a script that relies on being alone, and acknowledged writes would be lost. Garnet: start it " +
                            "with --lua --lua-transaction-mode.");
                    }
                }
            }
            catch (BufferUnavailableException e) when (RedisErrors.MayBeOutOfMemory(e))
            {
                // At maxmemory nothing can be tried, and a process that can't start drains nothing.
            }
            catch (BufferUnavailableException e)
                when (RedisErrors.IsForbidden(e) || e is { OutcomeUnknown: true, InnerException: RedisServerException })
            {
                throw new ConfigurationException(
                    Setting,
                    $"The server at {redis.Description} does not run the scripts that every write is: {e.InnerException!.Message} Give " +
                    "the user the right (ACL SETUSER … +@scripting), undo a rename-command of EVAL or EVALSHA; Garnet: start it with " +
                    "--lua --lua-transaction-mode.",
                    cause: e);
            }
        }
    }

    /// <summary>Whether a script finds the keys of several shards, so that writes of all of them may share a call.</summary>
    /// <exception cref="ConfigurationException">A script does not even find all keys of one shard.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away, or at maxmemory, where nothing can be tried.</exception>
    public async Task<bool> IsOneServerAsync(RedisConnections redis, IDatabase database, CancellationToken cancellationToken)
    {
        string[] all = [.. roots, .. others ?? []];
        if (all.Length == 0)
        {
            return true;
        }

        var nonce = Guid.NewGuid().ToString("n");
        try
        {
            // {…} in the keys says that they belong together, to Redis Cluster and to proxies that take notice of it.
            RedisKey[] ofOneShard = [.. Enumerable.Range(0, MostKeys).Select(i => (RedisKey)$"{all[0]}:proof:{i}:{nonce}")];
            if (!await AreFoundAsync(ofOneShard).ConfigureAwait(false))
            {
                throw new ConfigurationException(
                    Setting,
                    $"A proxy at {redis.Description} sends a script to the server of its first key, and other keys of the same script to " +
                    "others: writes would be torn apart. Connect to Redis (or Redis Cluster) itself, or let the proxy keep keys together " +
                    $"that share what stands in {{}} ('{prefix}:{{…}}').");
            }

            RedisKey[] ofShards = [.. all.Take(MostKeys).Select(root => (RedisKey)$"{root}:proof:s:{nonce}")];
            return await AreFoundAsync(ofShards).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (RedisErrors.IsOfKeys(e))
        {
            return false;
        }

        async Task<bool> AreFoundAsync(RedisKey[] keys)
        {
            await Task.WhenAll(keys.Select(key => redis.RunOnAsync(
                database,
                db => db.StringSetAsync(key, nonce, TimeSpan.FromSeconds(30), When.Always),
                cancellationToken))).ConfigureAwait(false);
            var reply = await CountValues.RunOnAsync(redis, database, keys, [nonce], cancellationToken).ConfigureAwait(false);
            var isFound = reply.NextInt() == keys.Length;
            var values = isFound
                ? []
                : await Task.WhenAll(keys.Select(key => redis.RunOnAsync(
                    database, db => db.StringGetAsync(key, CommandFlags.DemandMaster), cancellationToken))).ConfigureAwait(false);
            await Task.WhenAll(keys.Select(key => redis.RunOnAsync(
                database, db => db.KeyDeleteAsync(key), cancellationToken))).ConfigureAwait(false);

            // What is not there at all went to a server whose place another has taken meanwhile.
            return isFound || (values.All(value => value == nonce) ? false : throw TakenOver(redis));
        }
    }

    private static BufferUnavailableException TakenOver(RedisConnections redis) => new(
        $"At {redis.Description} one server takes over from another: what is written over one connection is not seen over the next.");

    private static ConfigurationException Unguarded(string why, Exception? cause = null)
        => new(
            Setting,
            $"Redis does not guard the transactions that make saved entities clean, and newer writes would be lost under them: {why}",
            cause: cause);
}
