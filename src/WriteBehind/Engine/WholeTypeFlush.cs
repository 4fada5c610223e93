using Microsoft.Extensions.Logging;
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

                // A pass that got nowhere has tried none of them, nor has one that met the breaker open.
                force &= pass.IsUnavailable || (!isWhole && pass.Flushed == 0 && pass.Passing == 0 && pass.Rejected.Count == 0);
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

/// <summary>What a stop says of its drain.</summary>
internal static partial class DrainLog
{
    /// <param name="logger">Where.</param>
    /// <param name="report">What the drain came to.</param>
    /// <param name="elapsed">What it took.</param>
    /// <param name="timeout">What it might have taken.</param>
    /// <param name="isCutShort">Whether the host's time was over before.</param>
    public static void Tell(ILogger logger, FlushReport report, TimeSpan elapsed, TimeSpan timeout, bool isCutShort)
    {
        var remaining = string.Join(", ", report.Remaining.Select(left => $"{left.Value} {left.Key}"));
        if (report.Uncounted.Count > 0)
        {
            Uncounted(
                logger, elapsed, string.Join(", ", report.Uncounted), report.Flushed, remaining.Length > 0 ? remaining : "nothing");
        }
        else if (report.IsClean)
        {
            Drained(logger, report.Flushed, elapsed);
        }
        else if (report.Paused.Count > 0)
        {
            Paused(logger, report.Flushed, remaining, string.Join(", ", report.Paused.Select(
                pause => FormattableString.Invariant($"{pause.Type} until {pause.Until:u} by {pause.By}"))));
        }
        else if (isCutShort)
        {
            CutShort(logger, report.Flushed, elapsed, timeout, remaining);
        }
        else
        {
            NotDrained(logger, report.Flushed, timeout, remaining);
        }
    }

    [LoggerMessage(3, LogLevel.Information, "Drained: {Flushed} entities flushed in {Elapsed}, nothing remains.")]
    private static partial void Drained(ILogger logger, long flushed, TimeSpan elapsed);

    [LoggerMessage(
        4, LogLevel.Warning, "Not drained within {Timeout} (DrainTimeout): {Flushed} entities flushed, {Remaining} remain, safe in Redis.")]
    private static partial void NotDrained(ILogger logger, long flushed, TimeSpan timeout, string remaining);

    [LoggerMessage(
        5,
        LogLevel.Warning,
        "Not drained: the host's time to stop was over after {Elapsed}, before DrainTimeout ({Timeout}). {Flushed} entities flushed, " +
        "{Remaining} remain, safe in Redis.")]
    private static partial void CutShort(ILogger logger, long flushed, TimeSpan elapsed, TimeSpan timeout, string remaining);

    [LoggerMessage(
        6,
        LogLevel.Error,
        "Not drained: after {Elapsed} it could not be counted how much of {Types} is left, as Redis does not answer, refuses, or came " +
        "back empty. {Flushed} entities flushed; {Remaining} was known to remain. What Redis has is flushed by the next process.")]
    private static partial void Uncounted(ILogger logger, TimeSpan elapsed, string types, long flushed, string remaining);

    [LoggerMessage(
        7,
        LogLevel.Information,
        "Not drained, as DrainTimeout is 0: what is dirty is left in Redis to the next process, and was not counted.")]
    public static partial void NotAsked(ILogger logger);

    [LoggerMessage(
        9,
        LogLevel.Warning,
        "Not drained, as the flush is paused ({Pauses}): {Flushed} entities flushed, {Remaining} remain, safe in Redis. They are flushed " +
        "after the pause, by whichever process runs then.")]
    private static partial void Paused(ILogger logger, long flushed, string remaining, string pauses);

    [LoggerMessage(8, LogLevel.Error, "The drain failed.")]
    public static partial void Failed(ILogger logger, Exception error);
}
