using Microsoft.Extensions.Logging;
using WriteBehind.Caching;
using WriteBehind.Common;

namespace WriteBehind.Testing;

/// <summary>What caches stand on in memory.</summary>
internal sealed class MemoryCacheServers(MemoryEngine engine) : ICacheServers
{
    public TimeProvider Time => engine.Servers.Time;

    public (ICacheStore Store, IInvalidationFeed Feed) Connect(
        CacheOptions options, LocalLevel local, CacheMetrics metrics, ILogger logger)
    {
        var data = engine.Servers.CacheOf(options.Name);
        return (new MemoryCacheStore(engine.Servers, data, options, metrics), new MemoryFeed(engine.Servers, data, local, metrics));
    }

    public IEntitySink<TState> Rows<TState>(ReadThroughOptions<TState> options)
        where TState : class
        => engine.RowsOf<TState>(options.Name)!;
}

/// <summary>The way of one process to the entries of a cache.</summary>
internal sealed class MemoryCacheStore(InMemoryWriteBehind servers, CacheData data, CacheOptions options, CacheMetrics metrics)
    : ICacheStore
{
    private readonly string _token = RandomToken.Next();

    public string Name => options.Name;

    public bool IsAway(string key) => servers.RedisAway;

    /// <summary>Leaves all to the other read, which costs no more here.</summary>
    public Task<StoredEntry[]> ReadFreshAsync(List<string> keys)
        => Task.FromResult(Array.ConvertAll(keys.ToArray(), static _ => StoredEntry.Unknown));

    public Task<StoredEntry?[]> ReadAsync(IEnumerable<EntryRequest> requests)
    {
        EntryRequest[] all = [.. requests];
        return TryAsync(() => data.Read(all, options, _token), new StoredEntry?[all.Length]);
    }

    public async ValueTask<StoredEntry?> ReadAsync(EntryRequest request) => (await ReadAsync([request]).ConfigureAwait(false))[0];

    public Task<bool?[]> FillAsync(IReadOnlyList<EntryFill> fills)
        => TryAsync(() => [.. fills.Select(fill => (bool?)data.Fill(fill, options, _token))], new bool?[fills.Count]);

    public Task RenewAsync(IReadOnlyList<HeldLock> locks, CancellationToken cancellationToken)
        => DoAsync(() => data.Renew(locks, options, _token), cancellationToken);

    public Task ReleaseAsync(IReadOnlyList<HeldLock> locks, TimeSpan pause)
        => TryAsync(
            () =>
            {
                data.Release(locks, pause, options, _token);
                return true;
            },
            false);

    public Task InvalidateKeysAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
        => DoAsync(() => data.Invalidate(keys, options), cancellationToken);

    public Task InvalidateTagsAsync(IReadOnlyCollection<string> tags, CancellationToken cancellationToken)
        => DoAsync(() => data.InvalidateTags(tags), cancellationToken);

    public Task InvalidateAllAsync(CancellationToken cancellationToken) => DoAsync(data.InvalidateAll, cancellationToken);

    public Task<long> MarkAsync(string key, string token, TimeSpan life, CancellationToken cancellationToken)
        => servers.AskRedisAsync(options.Name, () => data.Mark(key, token, life, options), cancellationToken);

    public Task CompleteAsync(string key, string token, long stamp, EntryFill? fill)
        => DoAsync(() => data.Complete(key, token, stamp, fill, options), CancellationToken.None);

    /// <summary>Nobody is let: a listener that the application has registered must not reach for its database.</summary>
    public Task<bool> LeadAsync(TimeSpan lease, CancellationToken cancellationToken) => Task.FromResult(false);

    private async Task<T> TryAsync<T>(Func<T> step, T away)
    {
        await Network.TripAsync(CancellationToken.None).ConfigureAwait(false);
        lock (servers.Gate)
        {
            if (!servers.RedisAway)
            {
                return step();
            }
        }

        metrics.RedisFailed();
        return away;
    }

    private Task<bool> DoAsync(Action step, CancellationToken cancellationToken) => servers.AskRedisAsync(
        options.Name,
        () =>
        {
            step();
            return true;
        },
        cancellationToken);
}

/// <summary>Tells the first level of a process what is invalidated, in the same step: no message can get lost.</summary>
internal sealed class MemoryFeed(InMemoryWriteBehind servers, CacheData data, LocalLevel local, CacheMetrics metrics) : IInvalidationFeed
{
    private bool _started;

    public bool IsTrusted => !servers.RedisAway;

    public void Start()
    {
        if (Volatile.Read(ref _started))
        {
            return;
        }

        lock (servers.Gate)
        {
            if (!_started)
            {
                data.Join(this);
                Volatile.Write(ref _started, true);
            }
        }
    }

    public void Hear(Action<LocalLevel> apply)
    {
        metrics.Received();
        apply(local);
    }

    public ValueTask DisposeAsync()
    {
        lock (servers.Gate)
        {
            data.Leave(this);
        }

        return ValueTask.CompletedTask;
    }
}
