using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Queues;

/// <summary>The queues' Redis.</summary>
internal sealed class RedisQueueServers(string prefix, RedisConnections redis, TimeProvider time) : IQueueServers
{
    public TimeProvider Time => time;

    public IQueueStore Connect(QueueOptions options) => new RedisQueueStore(options, prefix, redis);
}

/// <summary>
/// A queue in Redis. Items are in the list <c>ready</c> or in the list of the worker that holds them; every move is one script.
/// </summary>
internal sealed class RedisQueueStore(QueueOptions options, string prefix, RedisConnections redis) : IQueueStore
{
    private readonly QueueKeys _keys = new(prefix, options.Name);

    private RedisValue Deduplicates => options.Deduplicate ? 1 : 0;

    private RedisValue LeaseMs => (long)options.Lease.TotalMilliseconds;

    public IQueueSignal OpenSignal() => new QueueSignal(redis, _keys.Wake);

    public async Task<QueueCounts> CountAsync(CancellationToken cancellationToken)
    {
        const CommandFlags Master = CommandFlags.DemandMaster;
        var waiting = redis.RunAsync(db => db.ListLengthAsync(_keys.Ready, Master), cancellationToken);
        var workers = await redis.RunAsync(db => db.SortedSetRangeByRankAsync(_keys.Workers, flags: Master), cancellationToken)
            .ConfigureAwait(false);
        var held = await Task.WhenAll(
            workers.Select(worker => redis.RunAsync(db => db.ListLengthAsync(_keys.Held(worker!), Master), cancellationToken)))
            .ConfigureAwait(false);
        return new QueueCounts(await waiting.ConfigureAwait(false), held.Sum(), workers.Length);
    }

    public async Task<string[]?> TakeAsync(string worker, int most)
    {
        var reply = await TakeScript.Script.RunAsync(
            redis,
            [_keys.Workers, _keys.Ready, _keys.Waiting, _keys.Held(worker)],
            [worker, LeaseMs, most],
            CancellationToken.None).ConfigureAwait(false);
        return reply.IsNone ? null : reply.RestOfTexts();
    }

    public async Task<bool> RenewAsync(string worker, bool isNew, CancellationToken cancellationToken)
    {
        var reply = await RenewScript.Script.RunAsync(
            redis, [_keys.Workers], [worker, LeaseMs, isNew ? 1 : 0], cancellationToken).ConfigureAwait(false);
        return reply.NextFlag();
    }

    public async Task<string[]> FindExpiredAsync(CancellationToken cancellationToken)
        => (await ExpiredScript.Script.RunAsync(redis, [_keys.Workers], [], cancellationToken).ConfigureAwait(false)).RestOfTexts();

    public async Task<int> GiveUpAsync(string worker, bool mustBeOver, CancellationToken cancellationToken)
    {
        var reply = await ReclaimScript.Script.RunAsync(
            redis,
            [_keys.Workers, _keys.Ready, _keys.Waiting, _keys.Held(worker)],
            [worker, mustBeOver ? 1 : 0, Deduplicates, redis.ChannelForScripts(_keys.Wake)],
            cancellationToken).ConfigureAwait(false);
        return reply.NextInt();
    }

    public async Task<int> AcknowledgeAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
    {
        var reply = await AcknowledgeScript.Script.RunAsync(
            redis, [_keys.Held(worker)], [.. items.Select(item => (RedisValue)item)], cancellationToken).ConfigureAwait(false);
        return reply.NextInt();
    }

    public async Task<int> ReturnAsync(string worker, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
    {
        var reply = await ReturnScript.Script.RunAsync(
            redis,
            [_keys.Ready, _keys.Waiting, _keys.Held(worker)],
            [Deduplicates, redis.ChannelForScripts(_keys.Wake), .. items.Select(item => (RedisValue)item)],
            cancellationToken).ConfigureAwait(false);
        return reply.NextInt();
    }

    public async Task<EnqueueOutcome[]> AddAsync(IReadOnlyList<string> items)
    {
        var reply = await EnqueueScript.Script.RunAsync(
            redis,
            [_keys.Ready, _keys.Waiting],
            [options.MaxLength, Deduplicates, redis.ChannelForScripts(_keys.Wake), .. items.Select(item => (RedisValue)item)],
            CancellationToken.None).ConfigureAwait(false);
        return Array.ConvertAll(reply.RestOfTexts(), static outcome => outcome switch
        {
            "added" => EnqueueOutcome.Added,
            "waiting" => EnqueueOutcome.AlreadyWaiting,
            _ => EnqueueOutcome.Full,
        });
    }
}

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

/// <summary>
/// Wakes one worker by pub/sub. Blocking commands (BLMOVE) would stop everything that shares the connection. Messages may get lost, so a
/// waiting worker looks from time to time without one.
/// </summary>
internal sealed class QueueSignal(RedisConnections redis, string channel) : IQueueSignal
{
    private readonly WakeUps _wakeUps = new();
    private readonly RedisChannel _channel = RedisChannel.Literal(channel);
    private bool _subscribed;

    // The library does it again by itself after a lost connection.
    public async Task SubscribeAsync(CancellationToken cancellationToken)
    {
        if (!_subscribed)
        {
            await redis.RunAsync(
                async db =>
                {
                    await db.Multiplexer.GetSubscriber().SubscribeAsync(_channel, OnMessage).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
            _subscribed = true;
        }
    }

    public Task WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
        => _wakeUps.WaitAsync(limit, time, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_subscribed)
        {
            await redis.RunAsync(
                async db =>
                {
                    var subscriber = db.Multiplexer.GetSubscriber();
                    await subscriber.UnsubscribeAsync(_channel, OnMessage, CommandFlags.FireAndForget).ConfigureAwait(false);
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
    }

    private void OnMessage(RedisChannel _, RedisValue message) => _wakeUps.Wake();
}

/// <summary>Removes items that are done. KEYS: held. ARGV: the items. Returns how many there were.</summary>
internal static class AcknowledgeScript
{
    public static readonly RedisScript Script = new("""
        local removed = 0
        for i = 1, #ARGV do removed = removed + redis.call('LREM', KEYS[1], -1, ARGV[i]) end
        return removed
        """);
}

/// <summary>
/// Adds items. KEYS: ready, waiting. ARGV: most items, whether duplicates are left out (0 or 1), channel, then the items. Returns
/// 'added', 'waiting' or 'full' for each.
/// </summary>
internal static class EnqueueScript
{
    public static readonly RedisScript Script = new("""
        local length = redis.call('LLEN', KEYS[1])
        local wasEmpty = length == 0
        local out = {}
        -- An empty list beside a set that is not (somebody deleted the list by hand) would hold back items for ever.
        if wasEmpty then redis.call('DEL', KEYS[2]) end
        for i = 4, #ARGV do
          if ARGV[2] == '1' and redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 1 then
            out[#out + 1] = 'waiting'
          elseif length >= tonumber(ARGV[1]) then
            out[#out + 1] = 'full'
          else
            length = redis.call('LPUSH', KEYS[1], ARGV[i])
            if ARGV[2] == '1' then redis.call('SADD', KEYS[2], ARGV[i]) end
            out[#out + 1] = 'added'
          end
        end
        -- One message for a queue that was empty is enough: the worker that it wakes takes until the queue is empty again.
        if wasEmpty and length > 0 then redis.call('PUBLISH', ARGV[3], '') end
        return out
        """);
}

/// <summary>Finds workers whose lease is over. KEYS: workers. Returns the first hundred.</summary>
internal static class ExpiredScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
        return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
        """);
}

/// <summary>
/// Puts back what a worker holds, as the next to be taken and in its old order, and forgets the worker. KEYS: workers, ready, waiting,
/// held. ARGV: worker, whether its lease must be over (0 or 1), whether duplicates are left out (0 or 1), channel. Returns how many items
/// were put back; -1 where the worker lives, or somebody else has done it.
/// </summary>
internal static class ReclaimScript
{
    public static readonly RedisScript Script = new("""
        local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if ARGV[2] == '1' then
          local time = redis.call('TIME')
          if not lease or tonumber(lease) > time[1] * 1000 + math.floor(time[2] / 1000) then return -1 end
        end
        local moved = 0
        -- The newest item is moved first, so that the oldest ends up at the end that is taken from.
        while true do
          local item = redis.call('LMOVE', KEYS[4], KEYS[2], 'LEFT', 'RIGHT')
          if not item then break end
          -- One that was added again meanwhile waits already: it is left to be done, as one that was never taken.
          if ARGV[3] == '1' and redis.call('SADD', KEYS[3], item) == 0 then
            redis.call('RPOP', KEYS[2])
          else
            moved = moved + 1
          end
        end
        redis.call('ZREM', KEYS[1], ARGV[1])
        if moved > 0 then redis.call('PUBLISH', ARGV[4], '') end
        return moved
        """);
}

/// <summary>
/// Says that a worker lives. KEYS: workers. ARGV: worker, lease in ms, whether it is new (0 or 1). Returns 1; 0 where it is not known (any
/// more). A worker whose lease is over but whose items nobody has taken back goes on with them.
/// </summary>
internal static class RenewScript
{
    public static readonly RedisScript Script = new("""
        if ARGV[3] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
        return 1
        """);
}

/// <summary>
/// Puts items back that a worker holds, as the next to be taken. KEYS: ready, waiting, held. ARGV: whether duplicates are left out (0 or
/// 1), channel, then the items, oldest first. Returns how many were held.
/// </summary>
internal static class ReturnScript
{
    public static readonly RedisScript Script = new("""
        local returned = 0
        for i = #ARGV, 3, -1 do
          if redis.call('LREM', KEYS[3], -1, ARGV[i]) == 1 then
            returned = returned + 1
            if ARGV[1] == '0' or redis.call('SADD', KEYS[2], ARGV[i]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[i]) end
          end
        end
        if returned > 0 then redis.call('PUBLISH', ARGV[2], '') end
        return returned
        """);
}

/// <summary>
/// Moves items to a worker and renews its lease. KEYS: workers, ready, waiting, held. ARGV: worker, lease in ms, most items. Returns the
/// items, oldest first; nil where the worker is not known (any more).
/// </summary>
internal static class TakeScript
{
    public static readonly RedisScript Script = new("""
        -- A worker that was given up must not go on under its old name: a late acknowledgement of what was taken from it would then
        -- find an equal item that it took since, and that one would be lost if the worker died now.
        if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return false end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
        local out = {}
        for i = 1, tonumber(ARGV[3]) do
          local item = redis.call('LMOVE', KEYS[2], KEYS[4], 'RIGHT', 'LEFT')
          if not item then break end
          redis.call('SREM', KEYS[3], item)
          out[i] = item
        end
        return out
        """);
}
