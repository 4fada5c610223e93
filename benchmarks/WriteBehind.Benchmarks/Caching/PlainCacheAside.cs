using System.Text.Json;
using StackExchange.Redis;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Caching;

/// <summary>
/// Cache-aside as it is written by hand: get, otherwise load and set. Nobody waits for anybody, and nothing is invalidated.
/// </summary>
internal sealed class PlainCacheAside(IDatabase redis, string prefix)
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMinutes(5);

    public async Task<Product?> GetAsync(string key) => Read(await redis.StringGetAsync(KeyOf(key)));

    public async Task<Product?> GetOrLoadAsync(string key, Func<Task<Product?>> loader)
    {
        if (await GetAsync(key) is { } found)
        {
            return found;
        }

        var loaded = await loader();
        if (loaded is not null)
        {
            await SetAsync(key, loaded);
        }

        return loaded;
    }

    public Task SetAsync(string key, Product product)
        => redis.StringSetAsync(KeyOf(key), JsonSerializer.SerializeToUtf8Bytes(product), Ttl);

    /// <summary>One command per key, all of them sent before the first answer is waited for.</summary>
    public Task<Product?[]> GetEachAsync(IEnumerable<string> keys) => Task.WhenAll(keys.Select(GetAsync));

    /// <summary>One command for all.</summary>
    public async Task<Product?[]> GetTogetherAsync(IEnumerable<string> keys)
        => Array.ConvertAll(await redis.StringGetAsync([.. keys.Select(KeyOf)]), Read);

    private static Product? Read(RedisValue value) => value.IsNull ? null : JsonSerializer.Deserialize<Product>((byte[])value!);

    private RedisKey KeyOf(string key) => $"{prefix}:plain:{key}";
}
