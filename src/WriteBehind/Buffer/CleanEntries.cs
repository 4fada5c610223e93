using System.Net;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// Takes clean entries out of a Redis that has reached maxmemory: they are a cache, and give way before a write is refused. Fences stay, as
/// they are what a writer that is behind is checked against; they end by themselves.
/// </summary>
internal sealed partial class CleanEntries(RedisConnections redis, string prefix, TimeProvider time, ILogger logger)
{
    /// <summary>How many keys Redis looks at in one go.</summary>
    private const int PageSize = 1_000;

    /// <summary>How many of our entities a round looks at, on each master.</summary>
    private const int MostLookedAt = 20_000;

    /// <summary>How many it takes out.</summary>
    private const int Enough = 1_000;

    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(1);

    /// <summary>How long it rests where there was none: all that is left is unflushed, or not ours.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();

    /// <summary>Where the look at each master goes on; it goes round.</summary>
    private readonly Dictionary<EndPoint, long> _cursors = [];

    private Task _round = Task.CompletedTask;
    private long _notBefore = long.MinValue;

    /// <summary>Takes some out, with whoever asks meanwhile, and never throws: whoever needs the room tries again and sees.</summary>
    public Task EvictAsync()
    {
        lock (_lock)
        {
            if (_round.IsCompleted && time.GetTimestamp() >= _notBefore)
            {
                _round = Detached.RunAsync(RunAsync);
            }

            return _round;
        }
    }

    private async Task RunAsync()
    {
        var evicted = 0L;
        try
        {
            using var limit = new CancellationTokenSource(LongestRound, time);
            var database = await redis.SharedAsync(limit.Token).ConfigureAwait(false);
            foreach (var server in await redis.MastersAsync(limit.Token).ConfigureAwait(false))
            {
                evicted += await EvictAsync(server, database.Database, limit.Token).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // A favour to writes that would be refused; they say themselves what is wrong.
        catch (Exception e)
#pragma warning restore CA1031
        {
            NotEvicted(logger, e.Message);
        }

        if (evicted > 0)
        {
            Evicted(logger, evicted);
        }
        else
        {
            _notBefore = time.In(Rest);
        }
    }

    private async Task<long> EvictAsync(IServer server, int database, CancellationToken cancellationToken)
    {
        var (evicted, seen) = (0L, 0);
        var page = new List<RedisKey>();

        // The hash tag is in braces, which the pattern language knows nothing of.
        var keys = server.KeysAsync(database, $"{prefix}:{{*}}:e:*", PageSize, _cursors.GetValueOrDefault(server.EndPoint))
            .GetAsyncEnumerator(cancellationToken);
        await using (keys.ConfigureAwait(false))
        {
            var isOver = false;
            try
            {
                while (!isOver && evicted < Enough && seen++ < MostLookedAt)
                {
                    isOver = !await keys.MoveNextAsync().AsTask().MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
                    if (!isOver)
                    {
                        page.Add(keys.Current);
                    }

                    if (page.Count == PageSize || (isOver && page.Count > 0))
                    {
                        evicted += await EvictAsync(page, cancellationToken).ConfigureAwait(false);
                        page.Clear();
                    }
                }
            }
            finally
            {
                // Also where time was over among the keys of others: the next round goes on behind them.
                _cursors[server.EndPoint] = isOver ? 0 : ((IScanningCursor)keys).Cursor;
            }
        }

        return evicted + (page.Count > 0 ? await EvictAsync(page, cancellationToken).ConfigureAwait(false) : 0);
    }

    private async Task<long> EvictAsync(List<RedisKey> keys, CancellationToken cancellationToken)
    {
        var evicted = 0L;
        foreach (var shard in keys.GroupBy(HashTag, StringComparer.Ordinal))
        {
            evicted += (await GiveWayScript.Script.RunAsync(redis, [.. shard], [], cancellationToken).ConfigureAwait(false)).NextLong();
        }

        return evicted;
    }

    private static string HashTag(RedisKey key)
    {
        var text = (string)key!;
        return text[..text.IndexOf('}', StringComparison.Ordinal)];
    }

    [LoggerMessage(1, LogLevel.Warning, "Redis has reached maxmemory: {Count} clean entries, which are a cache, gave way to writes.")]
    private static partial void Evicted(ILogger logger, long count);

    [LoggerMessage(2, LogLevel.Warning, "Redis has reached maxmemory, and clean entries could not be taken out of it: {Error}")]
    private static partial void NotEvicted(ILogger logger, string error);
}

/// <summary>
/// Takes out those entities that are clean. KEYS: entities of one shard. Returns how many. None of its commands is refused at maxmemory.
/// </summary>
internal static class GiveWayScript
{
    public static readonly RedisScript Script = new("""
        local evicted = 0
        for i = 1, #KEYS do
          -- A clean entry has a time to live, a dirty one or a dead letter's never.
          if redis.call('PTTL', KEYS[i]) > 0 then evicted = evicted + redis.call('DEL', KEYS[i]) end
        end
        return evicted
        """);
}
