using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

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
        AllEntities = $"{prefix}:{{{type}:*}}:e:*";
        AllStatesAndFences = $"{prefix}:{{{type}:*}}:[ef]:*";
        _shards = new ShardKeys[shards];
        for (var i = 0; i < shards; i++)
        {
            _shards[i] = new ShardKeys(string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{{type}:{i:00}}}"));
        }
    }

    /// <summary>Hash: layout version, shard count and epoch of the type, and the database that its states go to.</summary>
    public RedisKey Meta { get; }

    /// <summary>A pattern of the keys of all entities.</summary>
    public RedisValue AllEntities { get; }

    /// <summary>The same with those of their fences.</summary>
    public RedisValue AllStatesAndFences { get; }

    public int Shards => _shards.Length;

    public ShardKeys this[int shard] => _shards[shard];

    public int ShardOf(string id) => ShardHash.ShardOf(id, _shards.Length);
}

/// <summary>The keys of one shard.</summary>
internal sealed class ShardKeys
{
    private readonly string _entity;
    private readonly string _fence;
    private readonly string _calls;
    private readonly string _retry;

    public ShardKeys(string root)
    {
        Root = root;
        Dirty = root + ":dirty";
        Claims = root + ":claims";
        Dead = root + ":dead";
        Epoch = root + ":epoch";
        Server = root + ":server";
        Pause = root + ":pause";
        var memos = root + ":operations";
        Memos = [memos, memos + ":older", memos + ":busy", memos + ":1", memos + ":1:older", memos + ":2", memos + ":2:older"];
        _calls = root + ":calls:";
        _retry = root + ":retry:";
        _entity = root + ":e:";
        _fence = root + ":f:";
    }

    /// <summary>What all of them begin with.</summary>
    public string Root { get; }

    /// <summary>Sorted set: id, scored by the Redis time (ms) of its oldest unflushed write.</summary>
    public RedisKey Dirty { get; }

    /// <summary>
    /// Sorted set: id, scored by the end of a flusher's lease (Redis time, µs). The score is unique and so names the claim.
    /// </summary>
    public RedisKey Claims { get; }

    /// <summary>Hash: id to dead letter.</summary>
    public RedisKey Dead { get; }

    /// <summary>String: made up when missing, so another value means that the shard came back empty in between.</summary>
    public RedisKey Epoch { get; }

    /// <summary>String: the run id of the server that holds the shard. Another one means that Redis may have gone back.</summary>
    public RedisKey Server { get; }

    /// <summary>
    /// String with TTL, <c>since until who</c> (Redis time, ms): while it is there nothing of the shard is claimed. In each shard, and not
    /// once for the type, as the claim looks at it and on a cluster can look at keys of its own slot only.
    /// </summary>
    public RedisKey Pause { get; }

    /// <summary>
    /// Hashes with TTL, operation and entity to memo, with a head (<c>b</c> begun at, <c>f</c> the floor, <c>p</c> and <c>t</c> the latest
    /// time in the older one and in it, <c>x</c> whether any entity has a book of its own): the newer and the older one of the shard. Then
    /// a sorted set: entity, scored by about how many operations of it are in the newer one, or by its own book and its last operation.
    /// Then the newer and the older hash of each of those books.
    /// </summary>
    public IReadOnlyList<RedisKey> Memos { get; }

    /// <summary>String with TTL: Redis time (µs) of the last write call of a process. Smaller or missing later, Redis went back.</summary>
    public RedisKey Calls(string process) => _calls + process;

    /// <summary>String with TTL: somebody writes the state of the entity's dead letter anew.</summary>
    public RedisKey Retry(string id) => _retry + id;

    /// <summary>Hash: <c>v</c> version, <c>d</c> payload, <c>x</c> tombstone mark, <c>w</c> the nonce of the write.</summary>
    public RedisKey Entity(string id) => _entity + id;

    /// <summary>String with TTL, <c>version:nonce</c>: what was flushed last; outlives the buffered state.</summary>
    public RedisKey Fence(string id) => _fence + id;
}
