using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Buffer;

namespace WriteBehind.Caching.Store;

/// <summary>
/// The keys of one cache. Like those of entity types, with <c>{cache.name:shard}</c> as the hash tag; a dot is in no type name, so a cache
/// and a type of one name keep apart.
/// </summary>
internal sealed class CacheKeys
{
    private readonly CacheShard[] _shards;

    public CacheKeys(string prefix, string name, int shards, int schema)
    {
        Meta = $"{prefix}:{{cache.{name}}}:meta";
        Listener = $"{prefix}:{{cache.{name}}}:listener";
        Channel = $"{prefix}:{{cache.{name}}}:invalidations";
        _shards = new CacheShard[shards];
        for (var i = 0; i < shards; i++)
        {
            _shards[i] = new CacheShard(string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{cache.{name}:{i:00}}}"), schema);
        }
    }

    /// <summary>Hash: layout version and shard count.</summary>
    public RedisKey Meta { get; }

    /// <summary>String with TTL: who listens to PostgreSQL for this cache.</summary>
    public RedisKey Listener { get; }

    /// <summary>The channel on which nodes hear of invalidations.</summary>
    public string Channel { get; }

    public int Shards => _shards.Length;

    public CacheShard this[int shard] => _shards[shard];

    public int ShardOf(string key) => ShardHash.ShardOf(key, _shards.Length);
}
