using Medallion.Threading.Redis;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using RedisRateLimiting;
using StackExchange.Redis;
using WriteBehind.Benchmarks.Model;
using WriteBehind.RateLimits;

namespace WriteBehind.Benchmarks.Caching;

/// <summary>
/// What others offer for the same work over the same Redis, with their defaults: HybridCache with IDistributedCache on Redis, a lock of
/// DistributedLock.Redis around a load, the sliding window of RedisRateLimiting.
/// </summary>
internal sealed class Peers : IAsyncDisposable
{
    private static readonly HybridCacheEntryOptions NoFirstLevel = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    private readonly IConnectionMultiplexer _redis;
    private readonly string _prefix;
    private readonly ServiceProvider _services;
    private readonly HybridCache _hybrid;

    public Peers(IConnectionMultiplexer redis, string prefix)
    {
        (_redis, _prefix) = (redis, prefix);
        var services = new ServiceCollection();
        services.AddStackExchangeRedisCache(cache =>
        {
            cache.ConnectionMultiplexerFactory = () => Task.FromResult(redis);
            cache.InstanceName = $"{prefix}:hybrid:";
        });
        services.AddHybridCache();
        _services = services.BuildServiceProvider();
        _hybrid = _services.GetRequiredService<HybridCache>();
    }

    /// <summary>Of many readers of a process one loads; each process loads.</summary>
    public async Task<Product?> HybridAsync(string key, Func<Task<Product?>> loader, bool withFirstLevel = true)
        => await _hybrid.GetOrCreateAsync(
            key, loader, static async (load, _) => await load(), withFirstLevel ? null : NoFirstLevel);

    /// <summary>Cache-aside where whoever loads has the lock, and looks again once it has it.</summary>
    public async Task<Product?> LockedAsync(PlainCacheAside cache, string key, Func<Task<Product?>> loader)
    {
        if (await cache.GetAsync(key) is { } found)
        {
            return found;
        }

        await using var held = await new RedisDistributedLock($"{_prefix}:lock:{key}", _redis.GetDatabase()).AcquireAsync();
        return await cache.GetOrLoadAsync(key, loader);
    }

    /// <summary>A limiter of the widest limit and a window of the same length.</summary>
    public RedisSlidingWindowRateLimiter<string> LimiterOf(string caller, TimeSpan window) => new(
        $"{_prefix}:{caller}",
        new RedisSlidingWindowRateLimiterOptions
        {
            PermitLimit = LimitOptions.MostPermits,
            Window = window,
            ConnectionMultiplexerFactory = () => _redis,
        });

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
