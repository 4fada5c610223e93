using WriteBehind.Buffer;
using WriteBehind.Redis;

namespace WriteBehind.Flushing;

/// <summary>Flushes on demand: single entities that many callers ask for share batches.</summary>
internal sealed class FlushQueue(IBatchFlusher flusher, TypeParts parts)
{
    private readonly GroupBatcher<string, FlushItem> _batches = new(
        ids => FlushBatchAsync(flusher, parts.Buffer.Keys, ids),
        parts.Options.BatchSize,
        static _ => 0,
        int.MaxValue,
        parts.Engine.Options.MaxConcurrentFlushes,
        parts.Options.MaxBatchDelay);

    /// <summary>How long a flush on demand goes on trying unless it is told otherwise: as long as a drain does by default.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(25);

    /// <summary>Flushes one entity with the next batch. A Redis that is away is a passing failure like a database that is away.</summary>
    public async Task<FlushItem> FlushAsync(string id)
    {
        try
        {
            return await _batches.SendAsync(id).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            // Refused before it began. It speaks of nothing being written, which is not so: what is to be flushed is in Redis.
            var item = NewItem(parts.Buffer.Keys, id);
            item.End(
                FlushOutcome.Unavailable,
                new BufferUnavailableException("Too many flushes wait for the database already.", false, parts.Options.Type, id, e));
            return item;
        }
    }

    private static async Task<IReadOnlyList<FlushItem>> FlushBatchAsync(IBatchFlusher flusher, KeyLayout keys, IReadOnlyList<string> ids)
    {
        FlushItem[] items = [.. ids.Distinct(StringComparer.Ordinal).Select(id => NewItem(keys, id))];
        try
        {
            await flusher.FlushAsync(items, CancellationToken.None).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
        {
            Array.ForEach(items, item => item.End(FlushOutcome.Unavailable, e));
        }

        if (items.Length == ids.Count)
        {
            return items;
        }

        var byId = items.ToDictionary(item => item.Id, StringComparer.Ordinal);
        return [.. ids.Select(id => byId[id])];
    }

    private static FlushItem NewItem(KeyLayout keys, string id) => new(id, keys.ShardOf(id));
}

/// <summary>A <see cref="BatchFlusher{TState}"/> for those who need not know the state type.</summary>
internal interface IBatchFlusher
{
    /// <inheritdoc cref="BatchFlusher{TState}.FlushAsync" />
    Task FlushAsync(FlushItem[] items, CancellationToken cancellationToken);
}
