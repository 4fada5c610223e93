using WriteBehind.Common;

namespace WriteBehind.Flushing;

/// <summary>
/// When the entities of a type are due, for all owners in this process: what is due at about the same time goes to the database together.
/// With a timer for each owner nearly every entity would go alone, with a claim, a commit and a settle of its own.
/// </summary>
/// <remarks>
/// Time is divided into slots of a fifth of the flush delay, counted from the start of the process, so that several processes do not meet
/// at the database. An entity goes at the beginning of the slot in which its delay ends: never later than asked for, and a slot sooner at
/// most.
/// </remarks>
internal sealed class FlushWheel : IDisposable
{
    /// <summary>
    /// How many slots there are in a flush delay. Fewer make larger batches, and flush entities sooner, which costs rows where they are
    /// written again within the rest of the delay.
    /// </summary>
    private const int SlotsPerDelay = 5;

    private static readonly TimeSpan ShortestSlot = TimeSpan.FromMilliseconds(1);

    /// <summary>Enough for company. With longer ones the database would stand idle, and then have everything at once.</summary>
    private static readonly TimeSpan LongestSlot = TimeSpan.FromMilliseconds(500);

    private readonly TypeParts _parts;
    private readonly IBatchFlusher _flusher;
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, List<Due>> _slots = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _timer;
    private readonly long _started;
    private readonly TimeSpan _slot;
    private bool _stopped;

    public FlushWheel(TypeParts parts, IBatchFlusher flusher)
    {
        (_parts, _flusher, _started) = (parts, flusher, parts.Time.GetTimestamp());
        _slot = TimeSpan.FromTicks(
            Math.Clamp(parts.Options.FlushDelay.Ticks / SlotsPerDelay, ShortestSlot.Ticks, LongestSlot.Ticks));
        _timer = parts.Time.CreateTimer(
            static wheel => ((FlushWheel)wheel!).Turn(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Has an entity flushed within a time. Nothing comes of it once the engine has stopped: it drains.</summary>
    /// <param name="flush">Who asks.</param>
    /// <param name="ticket">What is handed back at the start, so that who has asked again since can tell which call is meant.</param>
    /// <param name="delay">How much time there is.</param>
    public void Add(IDueFlush flush, int ticket, TimeSpan delay)
    {
        lock (_lock)
        {
            if (_stopped)
            {
                return;
            }

            var slot = (_parts.Time.GetElapsedTime(_started) + delay).Ticks / _slot.Ticks;
            if (!_slots.TryGetValue(slot, out var due))
            {
                _slots.Add(slot, due = []);
                if (_slots.Keys.First() == slot)
                {
                    Wait(slot);
                }
            }

            due.Add(new Due(flush, ticket));
        }
    }

    /// <summary>Begins no more flushes.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_stopped)
            {
                return;
            }

            _stopped = true;
            _slots.Clear();
        }

        _timer.Dispose();
        _stop.Cancel();
        _stop.Dispose();
    }

    /// <summary>Flushes what is due.</summary>
    internal void Turn()
    {
        var due = new List<Due>();
        CancellationToken stop;
        lock (_lock)
        {
            if (_stopped)
            {
                return;
            }

            stop = _stop.Token;
            var now = _parts.Time.GetElapsedTime(_started).Ticks / _slot.Ticks;
            while (_slots.Count > 0 && _slots.First() is var (slot, those) && slot <= now)
            {
                due.AddRange(those);
                _slots.Remove(slot);
            }

            if (_slots.Count > 0)
            {
                Wait(_slots.Keys.First());
            }
        }

        if (due.Count > 0)
        {
            // The timer keeps the context of whoever made it.
            Detached.Start(static all => all.Wheel.FlushAsync(all.Due, all.Stop), (Wheel: this, Due: due, Stop: stop));
        }
    }

    private void Wait(long slot)
    {
        // Rounded up: timers count whole milliseconds, and one that comes too soon would come over and over.
        var left = TimeSpan.FromTicks(slot * _slot.Ticks) - _parts.Time.GetElapsedTime(_started);
        _timer.Change(TimeSpan.FromMilliseconds(Math.Max(0, Math.Ceiling(left.TotalMilliseconds))), Timeout.InfiniteTimeSpan);
    }

    private Task FlushAsync(List<Due> due, CancellationToken stop)
    {
        var keys = _parts.Buffer.Keys;
        var items = due.Select(each => (Each: each, Item: new FlushItem(each.Flush.Id, keys.ShardOf(each.Flush.Id))))
            .ToLookup(pair => _parts.Ledger.IsSuspect(pair.Item.Id));

        // By shard: where there are several batches, each then has claims in few shards, and a claim of ten costs little more than of one.
        var good = items[false].OrderBy(static pair => pair.Item.Shard).ToArray();
        var batches = (good.Length + _parts.Options.BatchSize - 1) / _parts.Options.BatchSize;
        var size = batches < 2 ? _parts.Options.BatchSize : (good.Length + batches - 1) / batches;
        return Task.WhenAll(
            good.Chunk(size).Concat(items[true].Chunk(RetryLedger.SuspectBatch)).Select(batch => FlushBatchAsync(batch, stop)));
    }

    private async Task FlushBatchAsync((Due Each, FlushItem Item)[] batch, CancellationToken stop)
    {
        // Two owners may have the same entity, as where an activation of a storage provider came after another.
        var items = new Dictionary<string, FlushItem>(batch.Length, StringComparer.Ordinal);
        var begun = new List<(IDueFlush Flush, FlushItem Item)>(batch.Length);
        foreach (var (each, item) in batch)
        {
            if (each.Flush.TryBegin(each.Ticket))
            {
                begun.Add((each.Flush, items.TryAdd(item.Id, item) ? item : items[item.Id]));
            }
        }

        Exception? error = null;
        try
        {
            await _flusher.FlushAsync([.. items.Values], stop).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Every kind of failure belongs to the owners, none to this loop.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
        }

        foreach (var (flush, item) in begun)
        {
            flush.End(item, error);
        }
    }

    /// <summary>An entity that is due.</summary>
    private readonly record struct Due(IDueFlush Flush, int Ticket);
}

/// <summary>An owner whose entity is to be flushed.</summary>
internal interface IDueFlush
{
    /// <summary>The entity.</summary>
    string Id { get; }

    /// <summary>Told right before the flush; false where it is no longer wanted.</summary>
    bool TryBegin(int ticket);

    /// <summary>Told after it.</summary>
    /// <param name="item">What came of it, unless there is an error.</param>
    /// <param name="error">Why there was no flush.</param>
    void End(FlushItem item, Exception? error);
}
