using System.Diagnostics.Metrics;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Queues;

/// <summary>
/// The queue of one name. Items are in the list <c>ready</c> or in the list of the worker that holds them; every move from one to another
/// is one script, so there is no moment at which an item is in none or, unless it was added twice, in two.
/// </summary>
internal sealed partial class ReliableQueue : IReliableQueue
{
    private const int MostItems = 512;
    private const int MostBytes = 1 << 20;

    private readonly QueueKeys _keys;
    private readonly RedisConnections _redis;
    private readonly QueueMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly GroupBatcher<string, EnqueueOutcome> _additions;

    public ReliableQueue(
        QueueOptions options, string prefix, RedisConnections redis, QueueMetrics metrics, TimeProvider time, ILogger logger)
    {
        (Options, _redis, _metrics, _time, _logger) = (options, redis, metrics, time, logger);
        _keys = new QueueKeys(prefix, options.Name);
        _additions = new(AddAsync, MostItems, Encoding.UTF8.GetByteCount, MostBytes);
    }

    public string Name => Options.Name;

    public QueueOptions Options { get; }

    private RedisValue Deduplicates => Options.Deduplicate ? 1 : 0;

    private RedisValue LeaseMs => (long)Options.Lease.TotalMilliseconds;

    public Task<EnqueueOutcome> EnqueueAsync(string item, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(item);
        var bytes = Encoding.UTF8.GetByteCount(item);
        return bytes <= Options.MaxItemBytes
            ? _additions.SendAsync(item).WaitAsync(cancellationToken)
            : throw new ArgumentException(
                $"The item has {bytes} bytes in UTF-8; the queue '{Name}' takes {Options.MaxItemBytes} (MaxItemBytes).", nameof(item));
    }

    public IQueueWorker OpenWorker() => new QueueWorker(this, new QueueSignal(_redis, _keys.Wake), _time, _logger);

    public async Task<QueueCounts> CountAsync(CancellationToken cancellationToken = default)
    {
        const CommandFlags Master = CommandFlags.DemandMaster;
        var waiting = _redis.RunAsync(db => db.ListLengthAsync(_keys.Ready, Master), cancellationToken);
        var workers = await _redis.RunAsync(db => db.SortedSetRangeByRankAsync(_keys.Workers, flags: Master), cancellationToken)
            .ConfigureAwait(false);
        var held = await Task.WhenAll(
            workers.Select(worker => _redis.RunAsync(db => db.ListLengthAsync(_keys.Held(worker!), Master), cancellationToken)))
            .ConfigureAwait(false);
        return new QueueCounts(await waiting.ConfigureAwait(false), held.Sum(), workers.Length);
    }

    /// <summary>Takes what is there; null where the worker is not known (any more).</summary>
    public async Task<QueueBatch?> TakeAsync(string worker, int most)
    {
        var held = _keys.Held(worker);
        var reply = await TakeScript.Script.RunAsync(
            _redis,
            [_keys.Workers, _keys.Ready, _keys.Waiting, held],
            [worker, LeaseMs, most],
            CancellationToken.None).ConfigureAwait(false);
        if (reply.IsNone)
        {
            return null;
        }

        var items = reply.RestOfTexts();
        _metrics.Count(Name, "taken", items.Length);
        return new QueueBatch(this, held, items);
    }

    /// <summary>Says that a worker lives; false where it is not known (any more).</summary>
    public async Task<bool> RenewAsync(string worker, bool isNew, CancellationToken cancellationToken)
    {
        var reply = await RenewScript.Script.RunAsync(
            _redis, [_keys.Workers], [worker, LeaseMs, isNew ? 1 : 0], cancellationToken).ConfigureAwait(false);
        return reply.NextFlag();
    }

    /// <summary>Puts back what workers hold whose lease is over.</summary>
    public async Task ReclaimAsync(CancellationToken cancellationToken)
    {
        var expired = await ExpiredScript.Script.RunAsync(_redis, [_keys.Workers], [], cancellationToken).ConfigureAwait(false);
        foreach (var worker in expired.RestOfTexts())
        {
            var items = await GiveUpAsync(worker, mustBeOver: true, cancellationToken).ConfigureAwait(false);
            if (items > 0)
            {
                _metrics.Count(Name, "reclaimed", items);
                Reclaimed(_logger, items, Name, worker);
            }
        }
    }

    /// <summary>Puts back what a worker holds, and forgets it.</summary>
    public async Task<int> GiveUpAsync(string worker, bool mustBeOver, CancellationToken cancellationToken)
    {
        var reply = await ReclaimScript.Script.RunAsync(
            _redis,
            [_keys.Workers, _keys.Ready, _keys.Waiting, _keys.Held(worker)],
            [worker, mustBeOver ? 1 : 0, Deduplicates, _redis.ChannelForScripts(_keys.Wake)],
            cancellationToken).ConfigureAwait(false);
        return reply.NextInt();
    }

    public async Task<int> AcknowledgeAsync(RedisKey held, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
        {
            return 0;
        }

        var reply = await AcknowledgeScript.Script.RunAsync(
            _redis, [held], [.. items.Select(item => (RedisValue)item)], cancellationToken).ConfigureAwait(false);
        var removed = reply.NextInt();
        _metrics.Count(Name, "acknowledged", removed);
        return removed;
    }

    public async Task<int> ReturnAsync(RedisKey held, IReadOnlyCollection<string> items, CancellationToken cancellationToken)
    {
        var reply = await ReturnScript.Script.RunAsync(
            _redis,
            [_keys.Ready, _keys.Waiting, held],
            [Deduplicates, _redis.ChannelForScripts(_keys.Wake), .. items.Select(item => (RedisValue)item)],
            cancellationToken).ConfigureAwait(false);
        var returned = reply.NextInt();
        _metrics.Count(Name, "returned", returned);
        return returned;
    }

    private async Task<IReadOnlyList<EnqueueOutcome>> AddAsync(IReadOnlyList<string> items)
    {
        var reply = await EnqueueScript.Script.RunAsync(
            _redis,
            [_keys.Ready, _keys.Waiting],
            [Options.MaxLength, Deduplicates, _redis.ChannelForScripts(_keys.Wake), .. items.Select(item => (RedisValue)item)],
            CancellationToken.None).ConfigureAwait(false);
        EnqueueOutcome[] outcomes = Array.ConvertAll(reply.RestOfTexts(), static outcome => outcome switch
        {
            "added" => EnqueueOutcome.Added,
            "waiting" => EnqueueOutcome.AlreadyWaiting,
            _ => EnqueueOutcome.Full,
        });
        _metrics.Count(Name, "added", outcomes.Count(static outcome => outcome == EnqueueOutcome.Added));
        _metrics.Count(Name, "already_waiting", outcomes.Count(static outcome => outcome == EnqueueOutcome.AlreadyWaiting));
        _metrics.Count(Name, "full", outcomes.Count(static outcome => outcome == EnqueueOutcome.Full));
        return outcomes;
    }

    [LoggerMessage(
        1, LogLevel.Warning,
        "{Count} items of queue '{Queue}' are delivered again: worker {Worker} was not heard of for longer than its lease.")]
    private static partial void Reclaimed(ILogger logger, int count, string queue, string worker);
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

/// <summary>Counts the items of all queues of an engine.</summary>
internal sealed class QueueMetrics(EngineMeter meter)
{
    private readonly Counter<long> _items = meter.Meter.CreateCounter<long>(WriteBehindDiagnostics.QueueItems, "{item}");

    public void Count(string queue, string outcome, int items = 1)
    {
        if (items > 0)
        {
            _items.Add(items, new(WriteBehindDiagnostics.QueueTag, queue), new(WriteBehindDiagnostics.OutcomeTag, outcome));
        }
    }
}

/// <summary>
/// Wakes one worker by pub/sub. Blocking commands (BLMOVE) would stop everything that shares the connection. Messages may get lost, so a
/// waiting worker looks from time to time without one.
/// </summary>
internal sealed class QueueSignal(RedisConnections redis, string channel) : IAsyncDisposable
{
    // One message is as good as many: it says that there may be something, and the worker takes until there is nothing.
    private readonly Channel<bool> _messages = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly RedisChannel _channel = RedisChannel.Literal(channel);
    private bool _subscribed;

    /// <summary>Subscribes, unless it has been done. The library does it again by itself after a lost connection.</summary>
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

    /// <summary>Waits for a message, also for one that has come since the last wait; returns without one when the time is over.</summary>
    public async Task WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        // The read itself must end with the time: one that was left behind would take the next message from whoever waits then.
        using var over = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            await _messages.Reader.ReadAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Nobody has said anything.
        }
    }

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

    private void OnMessage(RedisChannel _, RedisValue message) => _messages.Writer.TryWrite(true);
}
