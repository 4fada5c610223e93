using System.Numerics;
using WriteBehind.Common;

namespace WriteBehind.Flushing;

/// <summary>
/// Saves a batch through the sink: retries contention at once, bisects around entities that can't be stored or that somebody holds, and
/// stops at the first transient failure with what it has.
/// </summary>
internal sealed class BatchSaver<TState>(TypeParts<TState> parts)
    where TState : class
{
    /// <summary>How often a batch that lost to another transaction is sent again at once.</summary>
    private const int ContentionRetries = 3;

    private readonly IEntitySink<TState> _sink = parts.Sink;
    private readonly EntityTypeOptions _options = parts.Options;
    private readonly TimeProvider _time = parts.Time;

    /// <summary>The database's clock.</summary>
    public DatabaseClock Clock { get; } = new(parts.Sink.ReadClockAsync, parts.Time);

    /// <summary>Saves the batch; what was said of each is on the items. Never throws for the database's failures.</summary>
    public async Task<BatchSaved> SaveAsync(List<FlushItem> items, DateTimeOffset deadline)
    {
        var started = _time.GetTimestamp();
        var budget = DatabaseClock.UsableOf(_options.Lease);
        var reached = false;

        // One held entity costs a failure for each halving. More of them in a row, and nothing gets through at all.
        var patience = BitOperations.Log2((uint)items.Count) + 3;
        var failures = 0;
        SinkException? last = null;
        try
        {
            await SaveRangeAsync(0, items.Count).ConfigureAwait(false);
            return new BatchSaved(null, Doubt: false, reached);
        }
        catch (SinkException e)
        {
            Clock.Forget();
            return new BatchSaved(e, Doubt: e.OutcomeUnknown, Reached: false);
        }

        async Task SaveRangeAsync(int from, int count)
        {
            var left = budget - _time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                if (!reached && last is not null)
                {
                    throw last;
                }

                SetAll(from, count, new SaveResult(SaveOutcome.Expired));
                return;
            }

            try
            {
                var saved = await SendAsync(
                    ToSave(from, count), deadline, TimeoutFrom(left), retries: failures == 0 ? ContentionRetries : 0).ConfigureAwait(false);
                reached = true;
                failures = 0;
                for (var i = 0; i < saved.Length; i++)
                {
                    items[from + i].Saved = saved[i];
                }
            }
            catch (SinkException e) when (e.Failure == SinkFailure.Statement)
            {
                reached = true;
                SetAll(from, count, new SaveResult(SaveOutcome.Rejected, Error: e));
            }
            catch (SinkException e) when (e.Failure is SinkFailure.Contention or SinkFailure.Held or SinkFailure.Timeout)
            {
                failures++;
                last = e;
                if (count == 1)
                {
                    Block(items[from], e);
                }
                else
                {
                    await SaveHalvesAsync(from, count).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (e is not SinkException { Failure: SinkFailure.Transient })
            {
                // What a sink throws beside its own error (a value converter that fails, say) is taken for an entity's fault as well:
                // taken for the database's, one such entity would stop all others for ever.
                reached = true;
                if (count == 1)
                {
                    items[from].Saved = new SaveResult(SaveOutcome.Rejected, Error: e);
                    return;
                }

                await SaveHalvesAsync(from, count).ConfigureAwait(false);
            }
        }

        async Task SaveHalvesAsync(int from, int count)
        {
            await SaveRangeAsync(from, count / 2).ConfigureAwait(false);
            await SaveRangeAsync(from + (count / 2), count - (count / 2)).ConfigureAwait(false);
        }

        SaveItem<TState>[] ToSave(int from, int count)
        {
            var part = new SaveItem<TState>[count];
            for (var i = 0; i < count; i++)
            {
                var item = items[from + i];
                part[i] = new SaveItem<TState>(item.Id, item.Version, (TState?)item.State);
            }

            return part;
        }

        void SetAll(int from, int count, SaveResult result)
        {
            for (var i = from; i < from + count; i++)
            {
                items[i].Saved = result;
            }
        }

        // What is left is divided, so that it lasts however often a part fails.
        TimeSpan TimeoutFrom(TimeSpan left)
        {
            var share = failures == 0 ? left : left / 3;
            return share < _options.StatementTimeout ? share : _options.StatementTimeout;
        }

        void Block(FlushItem item, SinkException error)
        {
            if (items.Count == 1 && error.Failure == SinkFailure.Timeout && !parts.Ledger.IsSuspect(item.Id))
            {
                // Nothing says yet that it is the entity and not the database that is slow.
                throw error;
            }

            // Also where nothing gets through: should these be the ones in the way, the next batch goes without them.
            parts.Ledger.Postpone(item.Id);
            if (!reached && failures >= patience)
            {
                throw error;
            }

            FlushLog.Blocked(parts.Logger, _options.Type, item.Id, error.Message);
            item.End(FlushOutcome.Blocked, error);
        }
    }

    private async Task<SaveResult[]> SendAsync(SaveItem<TState>[] items, DateTimeOffset deadline, TimeSpan timeout, int retries)
    {
        for (var attempt = 0; ; attempt++)
        {
            var sent = _time.GetTimestamp();
            try
            {
                return await _sink.SaveAsync(items, deadline, timeout, CancellationToken.None).ConfigureAwait(false);
            }
            catch (SinkException e) when (e.Failure == SinkFailure.Contention && attempt < retries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(2, 20) << attempt), _time).ConfigureAwait(false);
            }
            finally
            {
                parts.Metrics.Batch(items.Length, _time.GetElapsedTime(sent));
            }
        }
    }
}

/// <summary>How the save of a batch ended.</summary>
/// <param name="Failure">The transient failure that ended it early; null where all were tried.</param>
/// <param name="Doubt">Whether a statement may still be running.</param>
/// <param name="Reached">Whether the database answered at all.</param>
internal readonly record struct BatchSaved(SinkException? Failure, bool Doubt, bool Reached);
