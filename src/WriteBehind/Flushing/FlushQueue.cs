using WriteBehind.Redis;

namespace WriteBehind.Flushing;

/// <summary>Flushes on demand: single entities that many callers ask for share batches.</summary>
internal sealed class FlushQueue(IBatchFlusher flusher, EntityTypeOptions options, int concurrency)
{
    private readonly GroupBatcher<string, FlushResult> _batches = new(
        ids => FlushAsync(flusher, ids), options.BatchSize, static _ => 0, int.MaxValue, concurrency, options.MaxBatchDelay);

    /// <summary>How long a flush on demand goes on trying unless it is told otherwise: as long as a drain does by default.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(25);

    /// <summary>Flushes one entity with the next batch. A Redis that is away is a passing failure like a database that is away.</summary>
    public async Task<FlushResult> FlushAsync(string id)
    {
        try
        {
            return await _batches.SendAsync(id).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            // Refused before it began. It speaks of nothing being written, which is not so: what is to be flushed is in Redis.
            return new FlushResult(
                FlushOutcome.Unavailable, new BufferUnavailableException("Too many flushes wait for the database already.", false, options.Type, id, e));
        }
    }

    private static async Task<IReadOnlyList<FlushResult>> FlushAsync(IBatchFlusher flusher, IReadOnlyList<string> ids)
    {
        string[] distinct = [.. ids.Distinct(StringComparer.Ordinal)];
        FlushResult[] results;
        try
        {
            results = await flusher.FlushAsync(distinct, CancellationToken.None).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            results = new FlushResult[distinct.Length];
            Array.Fill(results, new FlushResult(FlushOutcome.Unavailable, e));
        }

        if (distinct.Length == ids.Count)
        {
            return results;
        }

        var byId = distinct.Zip(results).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
        return [.. ids.Select(id => byId[id])];
    }
}
