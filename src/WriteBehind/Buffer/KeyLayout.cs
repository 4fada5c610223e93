using System.Globalization;
using StackExchange.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// The keys of one entity type. <c>{type:shard}</c> is the hash tag, so whatever a script or transaction touches together lives in
/// one Redis Cluster slot. The layout is pinned by a test; its number is recorded in the type's meta key.
/// </summary>
internal sealed class KeyLayout
{
    /// <summary>The number of this layout. A process that finds another one refuses to start.</summary>
    public const int Version = 1;

    private readonly ShardKeys[] _shards;

    public KeyLayout(string prefix, string type, int shards)
    {
        Meta = $"{prefix}:{{{type}}}:meta";
        _shards = new ShardKeys[shards];
        for (var i = 0; i < shards; i++)
        {
            _shards[i] = new ShardKeys(string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{{type}:{i:00}}}"));
        }
    }

    /// <summary>Hash: layout version, shard count and epoch of the type.</summary>
    public RedisKey Meta { get; }

    public int Shards => _shards.Length;

    public ShardKeys this[int shard] => _shards[shard];

    public int ShardOf(string id) => ShardHash.ShardOf(id, _shards.Length);
}
