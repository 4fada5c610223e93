using StackExchange.Redis;

namespace WriteBehind.Buffer;

/// <summary>The keys of one shard.</summary>
internal sealed class ShardKeys
{
    private readonly string _entity;
    private readonly string _fence;

    public ShardKeys(string root)
    {
        Dirty = root + ":dirty";
        Claims = root + ":claims";
        Dead = root + ":dead";
        Epoch = root + ":epoch";
        _entity = root + ":e:";
        _fence = root + ":f:";
    }

    /// <summary>Sorted set: id, scored by the Redis time (ms) of its oldest unflushed write.</summary>
    public RedisKey Dirty { get; }

    /// <summary>Sorted set: id, scored by the end of a flusher's lease (Redis time, µs). The score is unique and so names the claim.</summary>
    public RedisKey Claims { get; }

    /// <summary>Hash: id to dead letter.</summary>
    public RedisKey Dead { get; }

    /// <summary>String: made up when missing, so another value means that the shard came back empty in between.</summary>
    public RedisKey Epoch { get; }

    /// <summary>Hash: <c>v</c> version, <c>d</c> payload, <c>x</c> tombstone mark, <c>w</c> the nonce of the write.</summary>
    public RedisKey Entity(string id) => _entity + id;

    /// <summary>String with TTL, <c>version:nonce</c>: what was flushed last; outlives the buffered state.</summary>
    public RedisKey Fence(string id) => _fence + id;
}
