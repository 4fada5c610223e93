using WriteBehind.Buffer;
using WriteBehind.Common;
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

/// <summary>Flushes one entity and waits until it is saved, trying again while what is in the way may pass.</summary>
/// <param name="parts">The parts of the type.</param>
/// <param name="flushes">The flushes of the type.</param>
/// <param name="known">What is the latest of an entity, from Redis, else from the database.</param>
internal sealed class FlushWaiter(TypeParts parts, FlushQueue flushes, Func<string, Task<Knowledge>> known)
{
    private const string Hanging = "the database does not answer, or takes its time.";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    /// <summary>A timer takes no more than 49 days. A longer limit is cut down to this one.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(30);

    private readonly EntityTypeOptions _options = parts.Options;
    private readonly TimeProvider _time = parts.Time;

    /// <summary>Flushes one entity once; a try that is left to itself goes on.</summary>
    public Task<FlushItem> FlushOnceAsync(string id, CancellationToken cancellationToken)
        => flushes.FlushAsync(id).MayBeAbandoned().WaitAsync(cancellationToken);

    /// <summary>Returns once everything acknowledged before the call is in the database.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="limit">How long; a try under way when it is over is left to itself. 0: one try, to its end.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EntityRejectedException">The database rejects it.</exception>
    /// <exception cref="FlushPausedException">The flush of the type is paused.</exception>
    /// <exception cref="FlushIncompleteException">The time is over.</exception>
    /// <exception cref="StateLostException">Redis no longer has it.</exception>
    public async Task FlushAsync(string id, TimeSpan limit, CancellationToken cancellationToken)
        => await FlushUntilAsync(id, limit, cancellationToken).ConfigureAwait(false);

    private async Task<FlushItem> FlushUntilAsync(string id, TimeSpan limit, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        for (var pause = FirstPause; ; pause = Pauses.Longer(pause, LongestPause))
        {
            var result = await TryAsync(id, limit, started, cancellationToken).ConfigureAwait(false);
            if (result.IsSaved)
            {
                return result;
            }

            if (result is { Outcome: FlushOutcome.Lost or FlushOutcome.Paused, Error: { } reason })
            {
                throw reason;
            }

            // Without the database it does not come to the claim, which is what finds a pause.
            if (result is { Outcome: FlushOutcome.Unavailable, Error: not BufferUnavailableException }
                && await parts.Pauses.TryReadAsync(id, cancellationToken).ConfigureAwait(false) is { } paused)
            {
                throw new FlushPausedException(id, paused);
            }

            if (!result.IsPassing)
            {
                throw new EntityRejectedException(
                    _options.Type, id, result.Error?.Message ?? "it is a dead letter.", result.Error, result.Version);
            }

            if (_time.GetElapsedTime(started) + pause >= limit)
            {
                throw new FlushIncompleteException(_options.Type, id, limit, ReasonOf(result), result.Error);
            }

            await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// One try, given up when the time is over: a database that hangs ends it only at its statement time-out, and later than that where it
    /// is frozen.
    /// </summary>
    private async Task<FlushItem> TryAsync(string id, TimeSpan limit, long started, CancellationToken cancellationToken)
    {
        var flush = flushes.FlushAsync(id).MayBeAbandoned();
        try
        {
            if (limit <= TimeSpan.Zero)
            {
                return await flush.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            var left = limit - _time.GetElapsedTime(started);
            left = left < TimeSpan.Zero ? TimeSpan.Zero : left < LongestWait ? left : LongestWait;
            return await flush.WaitAsync(left, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new FlushIncompleteException(_options.Type, id, limit, Hanging, e);
        }
    }

    /// <summary>The second half of a write-through: the first, in Redis, is done.</summary>
    /// <exception cref="WriteThroughException">It stays buffered.</exception>
    /// <exception cref="StateLostException">Redis lost it before it was saved.</exception>
    public async Task WriteThroughAsync(string id, Knowledge written, CancellationToken cancellationToken)
    {
        var (limit, version) = (_options.WriteThroughTimeout, written.Version);
        var flush = FlushWrittenAsync(id, written, limit, cancellationToken).MayBeAbandoned();
        try
        {
            await flush.WaitAsync(limit, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new WriteThroughException(_options.Type, id, version, new FlushIncompleteException(_options.Type, id, limit, Hanging, e));
        }
        catch (Exception e) when (e is not (OperationCanceledException or StateLostException))
        {
            // Whatever it is: the write is in Redis, and the caller must not take it for one that was not made.
            var cause = e as WriteBehindException
                ?? new FlushIncompleteException(_options.Type, id, limit, "its flush failed unexpectedly.", e);
            throw new WriteThroughException(_options.Type, id, version, cause);
        }
    }

    private async Task FlushWrittenAsync(string id, Knowledge written, TimeSpan limit, CancellationToken cancellationToken)
    {
        var result = await FlushUntilAsync(id, limit, cancellationToken).ConfigureAwait(false);
        if (result.Outcome != FlushOutcome.Clean)
        {
            return;
        }

        // "Not dirty": somebody else has flushed it, or Redis came back empty and nobody ever will.
        var now = await known(id).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        if (now.Epoch != written.Epoch || now.Version < written.Version)
        {
            throw new StateLostException(_options.Type, id);
        }
    }

    private static string ReasonOf(FlushItem result) => result switch
    {
        { Error: BufferUnavailableException redis } => redis.Message,
        { Outcome: FlushOutcome.Held } => "another flusher holds it.",
        { Outcome: FlushOutcome.Blocked, Error: { } error } => $"it waits, while others go on. {error.Message}",
        { Outcome: FlushOutcome.Expired } => "its lease ended before it was saved.",
        _ => "the database is not available.",
    };
}
