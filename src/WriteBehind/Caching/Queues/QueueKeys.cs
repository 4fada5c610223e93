using StackExchange.Redis;

namespace WriteBehind.Caching.Queues;

/// <summary>The keys of one queue. <c>{name}</c> is the hash tag of all of them, since items move from one to another.</summary>
internal sealed class QueueKeys
{
    private readonly string _root;

    public QueueKeys(string prefix, string name)
    {
        _root = $"{prefix}:{{{name}}}:queue:";
        Ready = _root + "ready";
        Waiting = _root + "waiting";
        Workers = _root + "workers";
        Wake = _root + "wake";
    }

    /// <summary>List: what waits; added at the left end, taken from the right.</summary>
    public RedisKey Ready { get; }

    /// <summary>Set: the same items, where duplicates are left out.</summary>
    public RedisKey Waiting { get; }

    /// <summary>Sorted set: worker, scored by the end of its lease (Redis time, ms).</summary>
    public RedisKey Workers { get; }

    /// <summary>Channel: a message says that there is something to take.</summary>
    public string Wake { get; }

    /// <summary>List: what a worker holds; the newest at the left end.</summary>
    public RedisKey Held(string worker) => _root + "held:" + worker;
}
