using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// The type's entry in Redis: layout and shard count, which every process must agree on, and the epoch, which tells whether Redis is
/// the one that was there before. It is made up at first use; missing or different later, Redis came back empty.
/// </summary>
internal sealed class TypeRecord(RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options, WriteBehindOptions engine)
{
    private readonly string?[] _servers = new string?[options.Shards];
    private readonly ContractRecord _contract = new(redis, buffer.Keys, options);
    private DatabaseIdentity? _database;
    private IReadOnlyDictionary<string, string>? _names;
    private bool _mayLackNames;
    private int _missed;
    private string? _epoch;

    /// <summary>Records the type, or checks what is recorded.</summary>
    /// <returns>What became of Redis since the last call.</returns>
    /// <exception cref="ConfigurationException">
    /// Redis holds the type with another layout or shard count, or for another database.
    /// </exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task<RedisHistory> CheckAsync(CancellationToken cancellationToken)
    {
        var reply = await MetaScript.Script.RunAsync(
            redis,
            [buffer.Keys.Meta],
            [
                KeyLayout.Version,
                options.Shards,
                Guid.NewGuid().ToString("n", CultureInfo.InvariantCulture),
                _database?.Id ?? string.Empty,
                _database?.Name ?? string.Empty,
                (long)options.FenceTime.TotalMilliseconds,
            ],
            cancellationToken).ConfigureAwait(false);
        var (layout, shards, epoch) = (reply.NextInt(), reply.NextInt(), reply.NextText());
        if (layout != KeyLayout.Version)
        {
            throw new ConfigurationException(
                "layout",
                $"Redis holds '{options.Type}' in layout {layout}, this release knows {KeyLayout.Version}. Run the release that wrote it " +
                "until all is flushed, then this one.",
                options.Type);
        }

        if (shards != options.Shards)
        {
            throw new ConfigurationException(
                nameof(EntityTypeOptions.Shards),
                $"Redis holds '{options.Type}' in {shards} shards, but Shards is {options.Shards}: entities would be looked for in the " +
                $"wrong place. Set Shards to {shards}; or flush everything, stop all processes, delete {(string)buffer.Keys.Meta!} and " +
                "the fences of the type, and start anew.",
                options.Type);
        }

        if (options.MaxDirty < options.Shards && redis is { IsOneServer: false, IsOneServerKnown: true })
        {
            throw new ConfigurationException(
                nameof(EntityTypeOptions.MaxDirty),
                $"MaxDirty of '{options.Type}' is {options.MaxDirty}, less than its Shards ({options.Shards}). On a Redis " +
                "Cluster, or behind a proxy that spreads keys over servers, each shard has its own part of the bound, and some would " +
                $"have none: use at least {options.Shards}.",
                options.Type);
        }

        var (database, name) = (reply.NextTextOrNone(), reply.NextTextOrNone());
        if (_database is not null && database is not null && database != _database.Id)
        {
            throw new ConfigurationException(
                nameof(WriteBehindOptions.KeyPrefix),
                $"Redis holds '{options.Type}' under the KeyPrefix '{engine.KeyPrefix}' for {name ?? database}, but this process saves " +
                $"to {_database.Name}. Two services would write into each other's tables: give one of them another KeyPrefix. Where the " +
                "database was moved or restored on purpose: flush or give up what is dirty, stop all processes, run HDEL " +
                $"{(string)buffer.Keys.Meta!} database databaseName, and start again.",
                options.Type);
        }

        buffer.FenceTimes.Note(TimeSpan.FromMilliseconds(reply.NextLong()), TimeSpan.FromMilliseconds(reply.NextLong()));
        var servers = await CheckServersAsync(cancellationToken).ConfigureAwait(false);
        var isNew = _epoch is not null && _epoch != epoch;
        var isEmptied = isNew | buffer.Epochs.TakeEmptied();
        _epoch = epoch;
        if (isNew && redis.IsOneServer)
        {
            buffer.Epochs.NoteTold();
        }

        var history = (RedisHistory)Interlocked.Exchange(ref _missed, 0)
            | (isEmptied ? RedisHistory.Emptied : RedisHistory.None)
            | (buffer.Epochs.TakeWentBack() ? RedisHistory.WentBack : servers);
        _mayLackNames |= history != RedisHistory.None;
        if (_mayLackNames && _names is not null)
        {
            await RecordNamesAgainAsync(_names, history, cancellationToken).ConfigureAwait(false);
        }

        return history;
    }

    /// <summary>
    /// Records the names that members have in JSON, or compares them with what is recorded; and again whenever Redis has lost something.
    /// </summary>
    /// <exception cref="ConfigurationException">Another process gives a member another name.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task RecordNamesAsync(IReadOnlyDictionary<string, string> names, CancellationToken cancellationToken)
    {
        await _contract.CheckAsync(names, cancellationToken).ConfigureAwait(false);
        (_names, _mayLackNames) = (names, false);
    }

    private async Task RecordNamesAgainAsync(
        IReadOnlyDictionary<string, string> names, RedisHistory history, CancellationToken cancellationToken)
    {
        try
        {
            await RecordNamesAsync(names, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // The next call has to tell what this one saw.
            Interlocked.Or(ref _missed, (int)history);
            throw;
        }
    }

    /// <summary>
    /// Compares the server of each shard with the one that is recorded. A process that was there before knows by its own calls whether
    /// Redis went back; one that begins can't, and takes another server than the recorded one for one that may have.
    /// </summary>
    private async Task<RedisHistory> CheckServersAsync(CancellationToken cancellationToken)
    {
        RedisKey[] epochs = [.. Enumerable.Range(0, options.Shards).Select(shard => buffer.Keys[shard].Epoch)];
        var servers = await RunIds.ReadAsync(redis, epochs, cancellationToken).ConfigureAwait(false);
        var checks = await Task.WhenAll(Enumerable.Range(0, options.Shards).Select(CheckAsync)).ConfigureAwait(false);
        return checks.Max();

        async Task<RedisHistory> CheckAsync(int shard)
        {
            if (servers[shard] is not { } server || server == _servers[shard])
            {
                return RedisHistory.None;
            }

            var keys = buffer.Keys[shard];
            var begins = _servers[shard] is null;
            var reply = await ServerScript.Script.RunAsync(
                redis,
                [keys.Epoch, keys.Server, keys.Calls(buffer.Process)],
                [server, RandomToken.Next(), begins ? 1 : 0, buffer.Epochs[shard] ?? string.Empty, buffer.Epochs.Written(shard)],
                cancellationToken).ConfigureAwait(false);
            _servers[shard] = server;
            if (!reply.NextFlag())
            {
                return RedisHistory.None;
            }

            if (begins)
            {
                return RedisHistory.MayHaveGoneBack;
            }

            // Known from now on, so that it is not told again with the next call.
            buffer.Epochs.Note(shard, reply.NextText());
            return RedisHistory.WentBack;
        }
    }

    /// <summary>Records which database the type's states go to, or compares it with what is recorded.</summary>
    /// <exception cref="ConfigurationException">Redis holds the type for another database.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task BelongsToAsync(DatabaseIdentity database, CancellationToken cancellationToken)
    {
        _database = database;

        // The watch is told the next time: it is the one that says so.
        Interlocked.Or(ref _missed, (int)await CheckAsync(cancellationToken).ConfigureAwait(false));
    }
}

/// <summary>What became of Redis, as far as it was seen.</summary>
[Flags]
internal enum RedisHistory
{
    None = 0,

    /// <summary>It came back empty.</summary>
    Emptied = 1,

    /// <summary>It went back to an older state.</summary>
    WentBack = 2,

    /// <summary>Another server took its place, or it was restarted, and nobody who was there before can say whether it went back.</summary>
    MayHaveGoneBack = 4,
}

/// <summary>
/// The names that the members of a type's states have in JSON, beside the type's entry in Redis, for each schema version. Two processes
/// that call one member by different names would read each other's states as empty, and write that. A member that only one of them knows is
/// no contradiction: it was added.
/// </summary>
internal sealed class ContractRecord(RedisConnections redis, KeyLayout keys, EntityTypeOptions options)
{
    // KEYS: meta. ARGV: the field, what is to be recorded, what was read before (empty at first). Returns what is recorded.
    private static readonly RedisScript Script = new("""
        local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
        if stored ~= ARGV[3] then return stored end
        -- Has no effect; but once a script has written, Redis lets it go on even at maxmemory.
        redis.call('HDEL', KEYS[1], '')
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        return ARGV[2]
        """);

    /// <exception cref="ConfigurationException">Another process gives a member another name.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task CheckAsync(IReadOnlyDictionary<string, string> names, CancellationToken cancellationToken)
    {
        var (known, merged) = (string.Empty, Write(names));
        while (true)
        {
            var reply = await Script.RunAsync(
                redis, [keys.Meta], [$"names:{options.SchemaVersion}", merged, known], cancellationToken).ConfigureAwait(false);
            var stored = reply.NextText();
            if (stored == merged)
            {
                return;
            }

            (known, merged) = (stored, Write(Merge(Read(stored), names)));
        }
    }

    private Dictionary<string, string> Merge(Dictionary<string, string> stored, IReadOnlyDictionary<string, string> names)
    {
        foreach (var (member, name) in names)
        {
            if (stored.TryGetValue(member, out var other) && other != name)
            {
                throw new ConfigurationException(
                    nameof(EntityTypeOptions<>.Serializer),
                    $"In Redis the member {member} of '{options.Type}' is called '{other}', and this process calls it '{name}': each " +
                    "would read the other's states as empty, and write that. Give all processes the same JSON settings; or, where the " +
                    "name has changed, raise SchemaVersion with an upgrade that renames it.",
                    options.Type);
            }

            stored[member] = name;
        }

        return stored;
    }

    private static string Write(IEnumerable<KeyValuePair<string, string>> names)
        => JsonSerializer.Serialize(new SortedDictionary<string, string>(names.ToDictionary(), StringComparer.Ordinal));

    private static Dictionary<string, string> Read(string stored)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(stored) ?? [];
        }
        catch (JsonException)
        {
            // Not of this library. It is written anew.
            return [];
        }
    }
}
