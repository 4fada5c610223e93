using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Caching;

/// <summary>
/// The keys of one cache. Like those of entity types, with <c>{cache.name:shard}</c> as the hash tag; a dot is in no type name, so a cache
/// and a type of one name keep apart.
/// </summary>
internal sealed class CacheKeys
{
    private readonly CacheShardKeys[] _shards;

    public CacheKeys(string prefix, string name, int shards, int schema)
    {
        Meta = $"{prefix}:{{cache.{name}}}:meta";
        Listener = $"{prefix}:{{cache.{name}}}:listener";
        Channel = $"{prefix}:{{cache.{name}}}:invalidations";
        _shards = new CacheShardKeys[shards];
        for (var i = 0; i < shards; i++)
        {
            _shards[i] = new CacheShardKeys(string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{cache.{name}:{i:00}}}"), schema);
        }
    }

    /// <summary>Hash: layout version and shard count.</summary>
    public RedisKey Meta { get; }

    /// <summary>String with TTL: who listens to PostgreSQL for this cache.</summary>
    public RedisKey Listener { get; }

    /// <summary>The channel on which nodes hear of invalidations.</summary>
    public string Channel { get; }

    public int Shards => _shards.Length;

    public CacheShardKeys this[int shard] => _shards[shard];

    public int ShardOf(string key) => ShardHash.ShardOf(key, _shards.Length);

    /// <summary>
    /// The schema versions that may be in use, a process' own first: while a release is rolled out, processes of the release before, or
    /// already of the next one, read under another.
    /// </summary>
    public static int[] SchemasOf(int schema) => schema == 1 ? [1, 2] : [schema, schema + 1, schema - 1];
}

/// <summary>The keys of one shard of a cache.</summary>
internal sealed class CacheShardKeys
{
    private readonly string _lock;
    private readonly (string Entry, string Content)[] _variants;

    public CacheShardKeys(string root, int schema)
    {
        Control = root + ":control";
        Tags = root + ":tags";
        _lock = Versioned(root, 'l', schema);

        _variants = Array.ConvertAll(CacheKeys.SchemasOf(schema), each => (Versioned(root, 'e', each), Versioned(root, 'd', each)));
    }

    /// <summary>
    /// Hash: <c>t</c> the last stamp, <c>n</c> the stamp of the namespace, <c>i</c> the stamp of the last invalidation, <c>g</c> until when
    /// (µs) there are tags.
    /// </summary>
    public RedisKey Control { get; }

    /// <summary>Sorted set: tag, scored by the stamp of its last invalidation.</summary>
    public RedisKey Tags { get; }

    /// <summary>Hash: what is known of the entry; see <see cref="CacheLua"/>.</summary>
    public RedisKey Entry(string key) => _variants[0].Entry + key;

    /// <summary>String with TTL: what a read gives; see <see cref="EntryContent"/>.</summary>
    public RedisKey Content(string key) => _variants[0].Content + key;

    /// <summary>String with TTL: who loads the entry, as <c>process token:stamp of the load</c>.</summary>
    public RedisKey Lock(string key) => _lock + key;

    /// <summary>
    /// What invalidates or writes through is given: for each name, entry and content under each schema version that may be in use, its own
    /// first.
    /// </summary>
    public RedisKey[] WithVariants(IReadOnlyCollection<string> names)
    {
        var keys = new List<RedisKey>(2 + (2 * _variants.Length * names.Count)) { Control, Tags };
        foreach (var name in names)
        {
            foreach (var (entry, content) in _variants)
            {
                keys.AddRange([entry + name, content + name]);
            }
        }

        return [.. keys];
    }

    /// <summary>What reads and fills are given: entry, content and lock of each name.</summary>
    public RedisKey[] WithContents(IReadOnlyList<string> names)
    {
        var keys = new RedisKey[2 + (3 * names.Count)];
        (keys[0], keys[1]) = (Control, Tags);
        for (var i = 0; i < names.Count; i++)
        {
            var at = 2 + (3 * i);
            (keys[at], keys[at + 1], keys[at + 2]) = (Entry(names[i]), Content(names[i]), Lock(names[i]));
        }

        return keys;
    }

    /// <summary>What frees locks is given: entry and lock of each name.</summary>
    public RedisKey[] WithLocks(IReadOnlyList<string> names)
    {
        var keys = new RedisKey[2 + (2 * names.Count)];
        (keys[0], keys[1]) = (Control, Tags);
        for (var i = 0; i < names.Count; i++)
        {
            (keys[2 + (2 * i)], keys[3 + (2 * i)]) = (Entry(names[i]), Lock(names[i]));
        }

        return keys;
    }

    private static string Versioned(string root, char kind, int schema)
        => string.Create(CultureInfo.InvariantCulture, $"{root}:{kind}{schema}:");
}
