using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Caching;

/// <summary>
/// Keeps the first level of this process in step: subscribes to the cache's channel, drops what others invalidated, and checks at every
/// <see cref="CacheOptions.SyncInterval"/> that no message was missed. Pub/sub promises nothing: a message that is sent while a connection
/// is down is gone. So the first level is used only while it is trusted, and emptied when a gap shows.
/// </summary>
internal sealed partial class InvalidationFeed : IInvalidationFeed
{
    private readonly CacheStore _store;
    private readonly RedisConnections _redis;
    private readonly LocalLevel _local;
    private readonly CacheOptions _options;
    private readonly CacheMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly BackgroundLoop _loop;
    private readonly Lock _lock = new();
    private readonly ShardSequence[] _sequences;
    private IConnectionMultiplexer? _multiplexer;
    private long _trustedUntil = long.MinValue;
    private int _started;

    public InvalidationFeed(
        CacheStore store,
        RedisConnections redis,
        LocalLevel local,
        CacheOptions options,
        CacheMetrics metrics,
        TimeProvider time,
        ILogger logger)
    {
        (_store, _redis, _local, _options, _metrics, _time, _logger) = (store, redis, local, options, metrics, time, logger);
        _sequences = [.. Enumerable.Range(0, options.Shards).Select(static _ => new ShardSequence())];
        _loop = new BackgroundLoop($"cache {options.Name}", RoundAsync, time, logger);
    }

    public bool IsTrusted => _time.GetTimestamp() < Volatile.Read(ref _trustedUntil);

    public void Start()
    {
        if (Volatile.Read(ref _started) == 0 && Interlocked.Exchange(ref _started, 1) == 0)
        {
            _loop.Start();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync().ConfigureAwait(false);
        if (_multiplexer is { } multiplexer)
        {
            multiplexer.ConnectionFailed -= OnConnection;
            multiplexer.ConnectionRestored -= OnConnection;
        }
    }

    private async Task<TimeSpan> RoundAsync(CancellationToken cancellationToken)
    {
        try
        {
            var started = _time.GetTimestamp();
            await SubscribeAsync(cancellationToken).ConfigureAwait(false);
            var known = Known();
            var last = await _store.LastInvalidationsAsync(cancellationToken).ConfigureAwait(false);
            await RepairAsync(known, last, cancellationToken).ConfigureAwait(false);
            if (!Compare(last))
            {
                _local.Clear();
                _metrics.Gap();
                Missed(_logger, _options.Name);
            }
            else if (!IsTrusted)
            {
                // Nobody compared for a while; whether something was missed would show only with the next poll.
                _local.Clear();
            }

            // Before a poll is missed the next one must have had its time.
            Volatile.Write(ref _trustedUntil, _time.After(started, 2 * _options.SyncInterval));
        }
        catch (BufferUnavailableException)
        {
            // Not trusted any more once the time is over; reads go to Redis and say themselves what is wrong.
        }

        return _options.SyncInterval;
    }

    private async Task SubscribeAsync(CancellationToken cancellationToken)
    {
        if (_multiplexer is not null)
        {
            return;
        }

        var multiplexer = (await _redis.SharedAsync(cancellationToken).ConfigureAwait(false)).Multiplexer;
        await _redis.RunAsync(
            async _ =>
            {
                var channel = RedisChannel.Literal(_store.Keys.Channel);
                await multiplexer.GetSubscriber().SubscribeAsync(channel, (_, message) => OnMessage(message)).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        multiplexer.ConnectionFailed += OnConnection;
        multiplexer.ConnectionRestored += OnConnection;
        _multiplexer = multiplexer;
    }

    // Whatever was sent while the connection was down is gone. The next poll vouches anew.
    private void OnConnection(object? sender, ConnectionFailedEventArgs e)
    {
        Volatile.Write(ref _trustedUntil, long.MinValue);
        _local.Clear();
    }

    private long[] Known()
    {
        lock (_lock)
        {
            return [.. _sequences.Select(static sequence => sequence.Known)];
        }
    }

    /// <summary>
    /// Makes everything obsolete in shards that have forgotten invalidations: Redis went back to an older state (a snapshot, a replica that
    /// was behind), and what they had removed may be back with it. Where this fails the sequences still know of them, and the next round
    /// tries again.
    /// </summary>
    private async Task RepairAsync(long[] known, long[] last, CancellationToken cancellationToken)
    {
        for (var shard = 0; shard < last.Length; shard++)
        {
            if (last[shard] >= known[shard])
            {
                continue;
            }

            var stamp = await _store.InvalidateShardAsync(shard, cancellationToken).ConfigureAwait(false);
            _local.Clear();
            Forgotten(_logger, _options.Name, shard);
            lock (_lock)
            {
                _sequences[shard].Restart(stamp);
            }

            last[shard] = stamp;
        }
    }

    private bool Compare(long[] last)
    {
        var isWhole = true;
        lock (_lock)
        {
            for (var shard = 0; shard < last.Length; shard++)
            {
                isWhole &= _sequences[shard].Poll(last[shard]);
            }
        }

        return isWhole;
    }

    private void OnMessage(RedisValue message)
    {
        string[]? parts;
        try
        {
            parts = JsonSerializer.Deserialize<string[]>((byte[])message!);
        }
        catch (JsonException)
        {
            parts = null;
        }

        if (parts is not [var shardText, var before, var stamp, var kind, .. var names]
            || !int.TryParse(shardText, CultureInfo.InvariantCulture, out var shard) || shard < 0 || shard >= _sequences.Length
            || !long.TryParse(before, CultureInfo.InvariantCulture, out var previous)
            || !long.TryParse(stamp, CultureInfo.InvariantCulture, out var own))
        {
            // Somebody else publishes here. What they meant is not known, so nothing is kept.
            _local.Clear();
            return;
        }

        _metrics.Received();
        Apply(kind, names);

        // Only now: a poll between the two must not take an invalidation for heard that is not applied yet.
        lock (_lock)
        {
            _sequences[shard].Hear(previous, own);
        }
    }

    private void Apply(string kind, string[] names)
    {
        switch (kind)
        {
            case "k":
                Array.ForEach(names, _local.Drop);
                break;
            case "t":
                _local.DropTagged(names);
                break;
            default:
                _local.Clear();
                break;
        }
    }

    [LoggerMessage(
        1, LogLevel.Warning,
        "Cache '{Cache}' missed invalidations (messages of Redis pub/sub got lost); its first level in this process was emptied.")]
    private static partial void Missed(ILogger logger, string cache);

    [LoggerMessage(
        2, LogLevel.Warning,
        "Redis has forgotten invalidations of cache '{Cache}' (shard {Shard}): it went back to an older state. All entries there were " +
        "made obsolete.")]
    private static partial void Forgotten(ILogger logger, string cache, int shard);
}

/// <summary>What keeps the first level of this process in step with the others.</summary>
internal interface IInvalidationFeed : IAsyncDisposable
{
    /// <summary>Whether the first level may be used now.</summary>
    bool IsTrusted { get; }

    /// <summary>
    /// Starts with the first use of the cache, so that a cache which nobody uses costs nothing. Also where there is no first level: callers
    /// must not join a read that began before what another node removed.
    /// </summary>
    void Start();
}

/// <summary>
/// Whether all invalidations of a shard were heard of. Each message names the one before it, so those heard form a chain; the end of the
/// chain is compared with what Redis says was the last one. Not safe for concurrent use.
/// </summary>
internal sealed class ShardSequence
{
    private const int MostWaiting = 10_000;

    private readonly Dictionary<long, long> _waiting = [];
    private long? _heard;
    private long _polled;

    /// <summary>
    /// The latest invalidation that Redis has said there was. Whoever asks it from now on and is told of an earlier one knows that it
    /// forgot.
    /// </summary>
    public long Known => Math.Max(_heard ?? 0, _polled);

    /// <summary>Begins anew after an invalidation of everything: whatever was missed before it does not matter any more.</summary>
    public void Restart(long stamp)
    {
        (_heard, _polled) = (stamp, stamp);
        _waiting.Clear();
    }

    /// <summary>
    /// Takes note of a message. They may come in any order, and before the first poll, too: one that is heard while it is under way may
    /// be what a Redis that goes back meanwhile forgets.
    /// </summary>
    public void Hear(long before, long stamp)
    {
        if (stamp <= _heard || _waiting.Count >= MostWaiting)
        {
            return;
        }

        _waiting[before] = stamp;
        Follow();
    }

    /// <summary>
    /// Takes note of the last invalidation that Redis knows; false where some were missed. Those since the poll before are not counted:
    /// their messages may be on their way.
    /// </summary>
    public bool Poll(long last)
    {
        var isWhole = _heard is null || (_heard >= _polled && last >= _polled);
        if (last < _polled)
        {
            _waiting.Clear();
        }

        if (_heard is null || !isWhole)
        {
            _heard = last;
            Follow();
            foreach (var (before, stamp) in _waiting)
            {
                if (stamp <= last)
                {
                    _waiting.Remove(before);
                }
            }
        }

        _polled = last;
        return isWhole;
    }

    private void Follow()
    {
        while (_heard is { } heard && _waiting.Remove(heard, out var next))
        {
            _heard = next;
        }
    }
}
