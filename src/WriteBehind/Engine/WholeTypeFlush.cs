using WriteBehind.Buffer;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>Flushes everything of one type that is dirty at the call, and no more: what is written meanwhile does not prolong it.</summary>
internal static class WholeTypeFlush
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>How long the last count may take, once the time is over.</summary>
    private static readonly TimeSpan LastCount = TimeSpan.FromSeconds(2);

    /// <param name="type">The type.</param>
    /// <param name="time">The clock.</param>
    /// <param name="limit">Ends it; what remains is counted all the same, where Redis says so soon.</param>
    public static async Task<FlushReport> RunAsync(ITypeEngine type, TimeProvider time, CancellationToken limit)
    {
        var flushed = 0L;
        var rejected = new HashSet<string>(StringComparer.Ordinal);
        var left = TypeBacklog.Unknown;
        FlushPause? pause = null;

        // Redis time of each shard at the call; 0 where it has not answered yet. On a cluster one server may be away and the others not.
        var until = new long[type.Options.Shards];

        // Rejected ones are tried once, whatever their pause; after that they are named and not waited for.
        var force = true;
        try
        {
            while (true)
            {
                if (until.Contains(0))
                {
                    left = await type.CountAsync(null, limit).ConfigureAwait(false);
                    Begin(until, left);
                }

                var pass = new SweepPass();
                var isWhole = await TryAsync(pass).ConfigureAwait(false);
                left = await type.CountAsync(until, limit).ConfigureAwait(false);
                isWhole &= left.IsWhole && !until.Contains(0);
                pause = pass.Pause;
                if (isWhole && pause is not null)
                {
                    // Its end is not waited for: whoever has paused the flush may do so for longer than anybody waits here.
                    break;
                }

                if (isWhole && (left.Dirty == 0 || (pass.Flushed == 0 && pass.Passing == 0 && !force && !pass.IsCutShort)))
                {
                    break;
                }

                // A pass that got nowhere has tried none of them.
                force &= !isWhole && pass.Flushed == 0 && pass.Passing == 0 && pass.Rejected.Count == 0;
                await Task.Delay(Pause, time, limit).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            using var soon = new CancellationTokenSource(LastCount, time);
            left = await type.CountAsync(until, soon.Token).ConfigureAwait(false);
        }

        return new FlushReport(
            flushed,
            left.Dirty == 0 ? new Dictionary<string, long>() : new Dictionary<string, long> { [type.Options.Type] = left.Dirty },
            [.. rejected.Select(id => new EntityRef(type.Options.Type, id))])
        {
            Uncounted = left.IsWhole ? [] : [type.Options.Type],
            Paused = pause is null || left.Dirty == 0 ? [] : [pause],
        };

        async Task<bool> TryAsync(SweepPass pass)
        {
            try
            {
                await type.FlushAsync(pass, until, force, limit).ConfigureAwait(false);
                return true;
            }
            catch (BufferUnavailableException)
            {
                // Redis is away, or a part of it; what that holds is not lost. It may come back before the time is over.
                return false;
            }
            finally
            {
                // A pass that ran out of time has done something too; its last batches may still be adding to it.
                lock (pass)
                {
                    flushed += pass.Flushed;
                    rejected.UnionWith(pass.Rejected);
                }
            }
        }
    }

    private static void Begin(long[] until, TypeBacklog now)
    {
        for (var shard = 0; shard < until.Length; shard++)
        {
            if (until[shard] == 0 && now.Shards[shard] is { } answered)
            {
                until[shard] = answered.Now;
            }
        }
    }
}
