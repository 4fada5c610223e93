using WriteBehind.Status;
using WriteBehind.Sweep;

namespace WriteBehind;

/// <summary>Flushes everything of one type that is dirty at the call, and no more: what is written meanwhile does not prolong it.</summary>
internal static class FullFlush
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <param name="type">The type.</param>
    /// <param name="time">The clock.</param>
    /// <param name="limit">Ends it; what remains is counted all the same.</param>
    public static async Task<FlushReport> RunAsync(ITypeEngine type, TimeProvider time, CancellationToken limit)
    {
        var flushed = 0L;
        var rejected = new HashSet<string>(StringComparer.Ordinal);
        long[]? until = null;
        var remaining = 0L;

        // Rejected ones are tried once, whatever their pause; after that they are named and not waited for.
        var force = true;
        try
        {
            while (true)
            {
                try
                {
                    until ??= [.. (await type.CountAsync(null, limit).ConfigureAwait(false)).Select(shard => shard.Now)];
                    var pass = new SweepPass();
                    try
                    {
                        await type.FlushAsync(pass, until, force, limit).ConfigureAwait(false);
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

                    remaining = (await type.CountAsync(until, limit).ConfigureAwait(false)).Sum(shard => shard.Dirty);
                    if (remaining == 0 || (pass.Flushed == 0 && pass.Passing == 0 && !force && !pass.IsCutShort))
                    {
                        break;
                    }

                    force = false;
                }
                catch (BufferUnavailableException)
                {
                    // Redis is away; what it holds is not lost. It may come back before the time is over.
                }

                await Task.Delay(Pause, time, limit).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            remaining = await CountAsync(type, until).ConfigureAwait(false);
        }

        return new FlushReport(
            flushed,
            remaining == 0 ? new Dictionary<string, long>() : new Dictionary<string, long> { [type.Options.Type] = remaining },
            [.. rejected.Select(id => new EntityRef(type.Options.Type, id))]);
    }

    private static async Task<long> CountAsync(ITypeEngine type, long[]? until)
    {
        try
        {
            return (await type.CountAsync(until, CancellationToken.None).ConfigureAwait(false)).Sum(shard => shard.Dirty);
        }
        catch (BufferUnavailableException)
        {
            // Unknown now; what was counted last.
            return type.Status.Dirty;
        }
    }
}
