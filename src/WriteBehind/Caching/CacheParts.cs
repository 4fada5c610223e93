using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Caching.Diagnostics;
using WriteBehind.Caching.Loading;
using WriteBehind.Caching.Local;
using WriteBehind.Caching.Store;
using WriteBehind.Diagnostics;

namespace WriteBehind.Caching;

/// <summary>What serves one cache, put together.</summary>
internal sealed class CacheParts : IAsyncDisposable
{
    private readonly InvalidationFeed _feed;

    public CacheParts(CacheOptions options, WriteBehindOptions engine, RedisConnections redis, EngineMeter meter, TimeProvider time, ILoggerFactory loggers)
    {
        var logger = loggers.CreateLogger($"WriteBehind.Caching.{options.Name}");
        Options = options;
        Metrics = new CacheMetrics(meter.Meter, options.Name);
        var absence = new RedisAbsence(options.Shards, Metrics, time);
        Store = new CacheStore(redis, options, engine.KeyPrefix, absence);
        Local = new LocalLevel(options.LocalCapacity, time, Metrics.Evicted);
        Codec = new CacheCodec(options, logger);
        Time = time;
        _feed = new InvalidationFeed(Store, redis, Local, options, Metrics, time, logger);
        Loads = new LoadRunner(Store, Local, Codec, new SemaphoreSlim(options.MaxConcurrentLoads), options, Metrics, time);
        Reader = new CacheReader(Store, Local, _feed, Loads, options, Metrics, time);
        Invalidator = new Invalidator(Store, Local, Metrics);
        Logger = logger;
    }

    public CacheOptions Options { get; }

    public CacheMetrics Metrics { get; }

    public CacheStore Store { get; }

    public LocalLevel Local { get; }

    public CacheCodec Codec { get; }

    public LoadRunner Loads { get; }

    public CacheReader Reader { get; }

    public Invalidator Invalidator { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public ValueTask DisposeAsync() => _feed.DisposeAsync();
}
