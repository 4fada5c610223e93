using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Caching;

/// <summary>A cache; see the interface.</summary>
internal sealed class Cache(CacheParts parts) : ICache
{
    public string Name => parts.Options.Name;

    public ValueTask<T?> GetOrLoadAsync<T>(
        string key, Func<CancellationToken, Task<T?>> loader, IReadOnlyCollection<string>? tags = null,
        CancellationToken cancellationToken = default)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(loader);
        parts.Invalidator.CheckKey(key);
        TagText.Check(tags ?? []);
        var reading = parts.Reader.GetAsync<T>(key, LoadAsync, cancellationToken);
        return reading.IsCompletedSuccessfully ? new ValueTask<T?>(reading.Result.Value) : AwaitAsync(reading);

        async Task<IReadOnlyDictionary<string, Loaded<T>>> LoadAsync(IReadOnlyList<string> keys, CancellationToken cancellation)
        {
            var value = await loader(cancellation).ConfigureAwait(false);
            return new Dictionary<string, Loaded<T>> { [keys[0]] = new(value, null, tags ?? []) };
        }

        static async ValueTask<T?> AwaitAsync(ValueTask<Cached<T>> reading) => (await reading.ConfigureAwait(false)).Value;
    }

    public async Task<IReadOnlyDictionary<string, T>> GetOrLoadManyAsync<T>(
        IEnumerable<string> keys,
        Func<IReadOnlyList<string>, CancellationToken, Task<IReadOnlyDictionary<string, T>>> loader,
        IReadOnlyCollection<string>? tags = null,
        CancellationToken cancellationToken = default)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(loader);
        var distinct = keys.ToHashSet(StringComparer.Ordinal);
        foreach (var key in distinct)
        {
            parts.Invalidator.CheckKey(key);
        }

        TagText.Check(tags ?? []);
        var read = await parts.Reader.GetManyAsync<T>(distinct, LoadAsync, cancellationToken).ConfigureAwait(false);
        var found = new Dictionary<string, T>(read.Count, StringComparer.Ordinal);
        foreach (var (key, cached) in read)
        {
            if (cached.Value is { } value)
            {
                found.Add(key, value);
            }
        }

        return found;

        async Task<IReadOnlyDictionary<string, Loaded<T>>> LoadAsync(IReadOnlyList<string> wanted, CancellationToken cancellation)
        {
            var values = await loader(wanted, cancellation).ConfigureAwait(false);

            // Those that are left out as well: that they are absent has the same tags.
            return wanted.ToDictionary(
                static key => key, key => new Loaded<T>(values.GetValueOrDefault(key), null, tags ?? []), StringComparer.Ordinal);
        }
    }

    public Task RemoveAsync(string key, CancellationToken cancellationToken = default)
        => parts.Invalidator.RemoveAsync([key], cancellationToken);

    public Task RemoveAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default)
        => parts.Invalidator.RemoveAsync(keys, cancellationToken);

    public Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default)
        => parts.Invalidator.RemoveTagAsync(tag, cancellationToken);

    public Task RemoveAllAsync(CancellationToken cancellationToken = default) => parts.Invalidator.RemoveAllAsync(cancellationToken);
}

/// <summary>What serves one cache, put together.</summary>
internal sealed class CacheParts : IAsyncDisposable
{
    private readonly IInvalidationFeed _feed;

    public CacheParts(CacheOptions options, ICacheServers servers, EngineMeter meter, ILoggerFactory loggers)
    {
        var time = servers.Time;
        var logger = loggers.CreateLogger($"WriteBehind.Caching.{options.Name}");
        Options = options;
        Metrics = new CacheMetrics(meter.Meter, options.Name);
        Local = new LocalLevel(options.LocalCapacity, time, Metrics.Evicted);
        Codec = new CacheCodec(options, logger);
        Time = time;
        (Store, _feed) = servers.Connect(options, Local, Metrics, logger);
        Loads = new LoadRunner(Store, Local, Codec, new SemaphoreSlim(options.MaxConcurrentLoads), options, Metrics, time);
        Reader = new CacheReader(Store, Local, _feed, Loads, options, Metrics, time);
        Invalidator = new Invalidator(Store, Local, Metrics);
        Logger = logger;
    }

    public CacheOptions Options { get; }

    public CacheMetrics Metrics { get; }

    public ICacheStore Store { get; }

    public LocalLevel Local { get; }

    public CacheCodec Codec { get; }

    public LoadRunner Loads { get; }

    public CacheReader Reader { get; }

    public Invalidator Invalidator { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public ValueTask DisposeAsync() => _feed.DisposeAsync();
}

/// <summary>What the caches of a process stand on: Redis and the database, or in tests what is in their place.</summary>
internal interface ICacheServers
{
    /// <summary>The clock by which entries expire in this process.</summary>
    TimeProvider Time { get; }

    /// <summary>Makes the way to the entries of a cache, and what keeps its first level in step.</summary>
    (ICacheStore Store, IInvalidationFeed Feed) Connect(CacheOptions options, LocalLevel local, CacheMetrics metrics, ILogger logger);

    /// <summary>Makes the way to the rows of a read-through cache.</summary>
    IEntitySink<TState> Rows<TState>(ReadThroughOptions<TState> options)
        where TState : class;
}

/// <summary>The real ones.</summary>
internal sealed class RedisCacheServers(
    WriteBehindOptions engine, RedisConnections redis, IServiceProvider services, TimeProvider time) : ICacheServers
{
    /// <summary>For how long reads pass Redis by once it did not answer for their shard.</summary>
    private static readonly TimeSpan AwayPause = TimeSpan.FromSeconds(1);

    public TimeProvider Time => time;

    public (ICacheStore Store, IInvalidationFeed Feed) Connect(
        CacheOptions options, LocalLevel local, CacheMetrics metrics, ILogger logger)
    {
        var absence = new ShardAbsence(options.Shards, AwayPause, metrics.RedisFailed, time);
        var store = new CacheStore(redis, options, engine.KeyPrefix, absence);
        return (store, new InvalidationFeed(store, redis, local, options, metrics, time, logger));
    }

    // To the sink it is a type like any other, of the cache's name.
    public IEntitySink<TState> Rows<TState>(ReadThroughOptions<TState> options)
        where TState : class
        => services.GetRequiredService<IEntitySinkFactory>().CreateDetached(new EntityTypeOptions<TState>(options.Name));
}
