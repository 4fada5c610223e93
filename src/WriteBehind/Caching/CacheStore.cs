using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Caching;

/// <summary>The entries of one cache in Redis. Single reads of one shard that come together share calls.</summary>
internal sealed class CacheStore : ICacheStore
{
    /// <summary>The number of the caches' key layout. A process that finds another one refuses to use the cache.</summary>
    private const int LayoutVersion = 2;

    private const int MaxItems = 512;
    private const int MaxBytes = 4 << 20;

    private readonly RedisConnections _redis;
    private readonly CacheOptions _options;
    private readonly ShardAbsence _absence;
    private readonly FreshReads _fresh;
    private readonly GroupBatcher<EntryRequest, StoredEntry>[] _readers;
    private readonly GroupBatcher<EntryFill, bool>[] _fillers;
    private bool _checked;

    public CacheStore(RedisConnections redis, CacheOptions options, string prefix, ShardAbsence absence)
    {
        (_redis, _options, _absence) = (redis, options, absence);
        Keys = new CacheKeys(prefix, options.Name, options.Shards, options.SchemaVersion);
        _fresh = new FreshReads(redis, options);
        _readers = [.. Enumerable.Range(0, options.Shards).Select(shard =>
            new GroupBatcher<EntryRequest, StoredEntry>(batch => ReadFreshFirstAsync(shard, batch), MaxItems, static _ => 0, MaxBytes))];
        _fillers = [.. Enumerable.Range(0, options.Shards).Select(shard =>
            new GroupBatcher<EntryFill, bool>(batch => FillShardAsync(shard, batch), MaxItems, SizeOf, MaxBytes))];
    }

    public string Name => _options.Name;

    public CacheKeys Keys { get; }

    /// <summary>Names this process. With the stamp of a load it names the load, as the owner of locks.</summary>
    public string Token { get; } = RandomToken.Next();

    public bool IsAway(string key) => _absence.IsAway(Keys.ShardOf(key));

    public async Task<StoredEntry[]> ReadFreshAsync(List<string> keys)
    {
        var entries = new StoredEntry[keys.Count];
        Array.Fill(entries, StoredEntry.Unknown);
        await Task.WhenAll(Keys.Shards == 1
            ? Enumerable.Range(0, entries.Length).Chunk(MaxItems).Select(chunk => ReadAsync(0, chunk))
            : Enumerable.Range(0, entries.Length).GroupBy(i => Keys.ShardOf(keys[i])).SelectMany(
                shard => shard.Chunk(MaxItems).Select(chunk => ReadAsync(shard.Key, chunk)))).ConfigureAwait(false);
        return entries;

        Task ReadAsync(int shard, int[] chunk) => AskAsync(
            shard,
            async () =>
            {
                var fresh = await ReadFreshShardAsync(shard, Array.ConvertAll(chunk, i => keys[i])).ConfigureAwait(false);
                for (var i = 0; i < chunk.Length; i++)
                {
                    entries[chunk[i]] = fresh[i];
                }
            },
            passBy: true);
    }

    public Task<StoredEntry?[]> ReadAsync(IEnumerable<EntryRequest> requests)
        => SendAsync([.. requests], static request => request.Key, static _ => 0, _readers, ReadShardAsync, passBy: true);

    public ValueTask<StoredEntry?> ReadAsync(EntryRequest request)
    {
        var shard = Keys.ShardOf(request.Key);
        return SendOneAsync(shard, request, _readers[shard], passBy: true);
    }

    public Task<bool?[]> FillAsync(IReadOnlyList<EntryFill> fills)
        => SendAsync([.. fills], static fill => fill.Key, SizeOf, _fillers, FillShardAsync, passBy: false);

    public Task RenewAsync(IReadOnlyList<HeldLock> locks, CancellationToken cancellationToken)
        => Task.WhenAll(locks.GroupBy(held => Keys.ShardOf(held.Key)).Select(shard => LockScripts.Renew.RunAsync(
            _redis,
            [.. shard.Select(held => Keys[shard.Key].Lock(held.Key))],
            [Token, (long)_options.LockLease.TotalMilliseconds, .. shard.Select(static held => (RedisValue)held.Stamp)],
            cancellationToken)));

    public Task ReleaseAsync(IReadOnlyList<HeldLock> locks, TimeSpan pause)
        => Task.WhenAll(
            locks.GroupBy(held => Keys.ShardOf(held.Key)).Select(shard => AskAsync(shard.Key, () => LockScripts.Release.RunAsync(
            _redis,
            Keys[shard.Key].WithLocks([.. shard.Select(static held => held.Key)]),
            [Token, Micros(pause), .. shard.Select(static held => (RedisValue)held.Stamp)],
            CancellationToken.None), passBy: false)));

    public async Task InvalidateKeysAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken).ConfigureAwait(false);
        await Task.WhenAll(keys.GroupBy(Keys.ShardOf).SelectMany(shard => shard.Chunk(MaxItems).Select(
            chunk => InvalidateAsync(shard.Key, 'k', chunk, cancellationToken)))).ConfigureAwait(false);
    }

    public async Task InvalidateTagsAsync(IReadOnlyCollection<string> tags, CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken).ConfigureAwait(false);
        await Task.WhenAll(
            Enumerable.Range(0, Keys.Shards).Select(shard => InvalidateAsync(shard, 't', tags, cancellationToken))).ConfigureAwait(false);
    }

    public async Task InvalidateAllAsync(CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken).ConfigureAwait(false);
        await Task.WhenAll(
            Enumerable.Range(0, Keys.Shards).Select(shard => InvalidateAsync(shard, 'a', [], cancellationToken))).ConfigureAwait(false);
    }

    /// <summary>Makes the entries of one shard obsolete; returns the stamp.</summary>
    public async Task<long> InvalidateShardAsync(int shard, CancellationToken cancellationToken)
        => (await InvalidateAsync(shard, 'a', [], cancellationToken).ConfigureAwait(false)).NextLong();

    public async Task<long> MarkAsync(string key, string token, TimeSpan life, CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken).ConfigureAwait(false);
        var shard = Keys.ShardOf(key);
        var reply = await WriteThroughScripts.Mark.RunAsync(
            _redis,
            Keys[shard].WithVariants([key]),
            [_redis.ChannelForScripts(Keys.Channel), shard, key, Micros(_options.FenceTime), token, Micros(life)],
            cancellationToken).ConfigureAwait(false);
        return reply.NextLong();
    }

    public Task CompleteAsync(string key, string token, long stamp, EntryFill? fill)
    {
        var shard = Keys.ShardOf(key);
        return WriteThroughScripts.Complete.RunAsync(
            _redis,
            Keys[shard].WithVariants([key]),
            [
                _redis.ChannelForScripts(Keys.Channel),
                shard,
                key,
                Micros(_options.FenceTime),
                token,
                stamp,
                fill is null ? 0 : 1,
                Micros(fill?.Ttl ?? TimeSpan.Zero),
                Micros(_options.MaxStale), Micros(_options.SlidingTtl ?? TimeSpan.Zero), fill?.Version ?? 0, fill?.Payload is null ? 0 : 1,
                fill?.Payload ?? RedisValue.EmptyString, TagText.Join(fill?.Tags),
            ],
            CancellationToken.None);
    }

    public async Task<bool> LeadAsync(TimeSpan lease, CancellationToken cancellationToken)
    {
        var reply = await LockScripts.Lead.RunAsync(
            _redis, [Keys.Listener], [Token, (long)lease.TotalMilliseconds], cancellationToken).ConfigureAwait(false);
        return reply.NextFlag();
    }

    /// <summary>The stamp of each shard's last invalidation; 0 where there was none yet.</summary>
    public async Task<long[]> LastInvalidationsAsync(CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken).ConfigureAwait(false);
        var stamps = await Task.WhenAll(Enumerable.Range(0, Keys.Shards).Select(
            shard => _redis.RunAsync(db => db.HashGetAsync(Keys[shard].Control, "i"), cancellationToken))).ConfigureAwait(false);
        return [.. stamps.Select(stamp => stamp.IsNull ? 0 : (long)stamp)];
    }

    /// <summary>
    /// A single one shares a call with others that come meanwhile; many are a batch of their own at once. A shard that is away leaves its
    /// replies null and the others theirs.
    /// </summary>
    private async Task<TReply?[]> SendAsync<TRequest, TReply>(
        TRequest[] requests,
        Func<TRequest, string> keyOf,
        Func<TRequest, int> sizeOf,
        GroupBatcher<TRequest, TReply>[] batchers,
        Func<int, IReadOnlyList<TRequest>, Task<IReadOnlyList<TReply>>> send,
        bool passBy)
        where TReply : struct
    {
        var replies = new TReply?[requests.Length];
        if (requests.Length == 1)
        {
            var shard = Keys.ShardOf(keyOf(requests[0]));
            replies[0] = await SendOneAsync(shard, requests[0], batchers[shard], passBy).ConfigureAwait(false);
            return replies;
        }

        await Task.WhenAll(Enumerable.Range(0, requests.Length).GroupBy(i => Keys.ShardOf(keyOf(requests[i]))).SelectMany(
            shard
                => Chunks.Of(
                    shard,
                    MaxItems,
                    i => sizeOf(requests[i]),
                    MaxBytes).Select(chunk => SendChunkAsync(shard.Key, chunk)))).ConfigureAwait(false);
        return replies;

        Task SendChunkAsync(int shard, List<int> chunk) => AskAsync(
            shard,
            async () =>
            {
                var answers = await send(shard, [.. chunk.Select(i => requests[i])]).ConfigureAwait(false);
                for (var i = 0; i < chunk.Count; i++)
                {
                    replies[chunk[i]] = answers[i];
                }
            },
            passBy);
    }

    private async ValueTask<TReply?> SendOneAsync<TRequest, TReply>(
        int shard, TRequest request, GroupBatcher<TRequest, TReply> batcher, bool passBy)
        where TReply : struct
    {
        try
        {
            return passBy && _absence.IsAway(shard) ? null : await batcher.SendAsync(request).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            _absence.Note(shard);
            return null;
        }
    }

    /// <summary>
    /// Does what is to leave no more than a note where Redis is away. Reads pass a shard by that was found to be; what ends a load is tried
    /// in any case, as others wait for its lock.
    /// </summary>
    private async Task AskAsync(int shard, Func<Task> ask, bool passBy)
    {
        try
        {
            if (!passBy || !_absence.IsAway(shard))
            {
                await ask().ConfigureAwait(false);
            }
        }
        catch (BufferUnavailableException)
        {
            _absence.Note(shard);
        }
    }

    private static int SizeOf(EntryFill fill) => fill.Payload?.Length ?? 0;

    private Task<ScriptReply> InvalidateAsync(int shard, char kind, IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        // A tag is remembered for as long as there may be an entry from before: what is loaded now may be stored for FenceTime, and then
        // lives on. Twice that, because a process of another release may have set it longer.
        var life = (2 * (_options.Ttl + _options.MaxStale + _options.FenceTime)) + TimeSpan.FromHours(1);
        RedisValue[] arguments =
            [
                _redis.ChannelForScripts(Keys.Channel),
                shard,
                kind.ToString(),
                Micros(_options.FenceTime),
                Micros(life),
                .. names.Select(static name => (RedisValue)name),
            ];
        return InvalidateScript.Script.RunAsync(_redis, Keys[shard].WithVariants(kind == 'k' ? names : []), arguments, cancellationToken);
    }

    private async Task<StoredEntry[]> ReadFreshShardAsync(int shard, string[] keys)
    {
        await CheckAsync(CancellationToken.None).ConfigureAwait(false);
        return await _fresh.ReadAsync(Keys[shard], keys).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<StoredEntry>> ReadFreshFirstAsync(int shard, IReadOnlyList<EntryRequest> batch)
    {
        var names = new string[batch.Count];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = batch[i].Key;
        }

        var entries = await ReadFreshShardAsync(shard, names).ConfigureAwait(false);
        List<int>? left = null;
        for (var i = 0; i < entries.Length; i++)
        {
            if (batch[i].Mode == ReadMode.Refresh || entries[i].Status != EntryStatus.Hit)
            {
                (left ??= []).Add(i);
            }
        }

        if (left is not null)
        {
            var others = await ReadShardAsync(shard, left.ConvertAll(i => batch[i])).ConfigureAwait(false);
            for (var i = 0; i < left.Count; i++)
            {
                entries[left[i]] = others[i];
            }
        }

        return entries;
    }

    private async Task<IReadOnlyList<StoredEntry>> ReadShardAsync(int shard, IReadOnlyList<EntryRequest> batch)
    {
        await CheckAsync(CancellationToken.None).ConfigureAwait(false);
        RedisValue[] arguments =
        [
            Token, (long)_options.LockLease.TotalMilliseconds, Micros(_options.SlidingTtl ?? TimeSpan.Zero), Micros(_options.MaxStale),
            .. batch.Select(static request => (RedisValue)(request.Mode switch
            {
                ReadMode.Get => "g",
                ReadMode.Refresh => string.Create(CultureInfo.InvariantCulture, $"r{request.Known}"),
                _ => "p",
            })),
        ];
        var keys = Keys[shard].WithContents([.. batch.Select(static request => request.Key)]);
        var reply = await ReadEntriesScript.Script.RunAsync(_redis, keys, arguments, CancellationToken.None).ConfigureAwait(false);
        var now = reply.NextLong();
        var stamp = reply.NextText() is { Length: > 0 } issued ? long.Parse(issued, CultureInfo.InvariantCulture) : 0;
        var entries = new StoredEntry[batch.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            var content = reply.NextBytesOrNone();
            entries[i] = StoredEntry.Read(content, reply.NextText(), now, stamp);
        }

        return entries;
    }

    private async Task<IReadOnlyList<bool>> FillShardAsync(int shard, IReadOnlyList<EntryFill> batch)
    {
        var arguments = new RedisValue[FillEntriesScript.Header + (FillEntriesScript.PerEntry * batch.Count)];
        var next = 0;
        arguments[next++] = Token;
        arguments[next++] = Micros(_options.FenceTime);
        arguments[next++] = Micros(_options.MaxStale);
        arguments[next++] = Micros(_options.SlidingTtl ?? TimeSpan.Zero);
        foreach (var fill in batch)
        {
            arguments[next++] = fill.Stamp;
            arguments[next++] = fill.Version is { } version ? version : RedisValue.EmptyString;
            arguments[next++] = Micros(fill.Ttl);
            arguments[next++] = fill.Payload is null ? 0 : 1;
            arguments[next++] = fill.Payload ?? RedisValue.EmptyString;
            arguments[next++] = fill.LoadTime.TotalMilliseconds.ToString("0.###", CultureInfo.InvariantCulture);
            arguments[next++] = TagText.Join(fill.Tags);
        }

        var keys = Keys[shard].WithContents([.. batch.Select(static fill => fill.Key)]);
        var reply = await FillEntriesScript.Script.RunAsync(_redis, keys, arguments, CancellationToken.None).ConfigureAwait(false);
        return [.. batch.Select(_ => reply.NextFlag())];
    }

    /// <summary>Records the shard count at first use, or compares it with what is recorded. Once per process.</summary>
    private async ValueTask CheckAsync(CancellationToken cancellationToken)
    {
        if (_checked)
        {
            return;
        }

        var reply = await MetaScript.Script.RunAsync(
            _redis, [Keys.Meta], [LayoutVersion, Keys.Shards, Token], cancellationToken).ConfigureAwait(false);
        var (layout, shards) = (reply.NextInt(), reply.NextInt());
        if (layout != LayoutVersion || shards != Keys.Shards)
        {
            throw new ConfigurationException(
                nameof(CacheOptions.Shards),
                $"Cache '{_options.Name}' has layout {layout} and {shards} shards in Redis, this process uses layout {LayoutVersion} and " +
                $"{Keys.Shards} (Shards): they would not see each other's invalidations. Use the same number, another name, or stop all " +
                $"processes and delete the key '{Keys.Meta}'.",
                _options.Name);
        }

        _checked = true;
    }

    private static long Micros(TimeSpan time) => (long)time.TotalMicroseconds;
}
