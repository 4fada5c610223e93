using System.Numerics;
using System.Runtime.CompilerServices;
using WriteBehind.Buffer;

namespace WriteBehind.Flushing;

/// <summary>
/// Saves a batch through the sink: retries contention at once, bisects around entities that can't be stored or that somebody holds, and
/// stops at the first transient failure with what it has.
/// </summary>
internal sealed class BatchSaver<TState>(IEntitySink<TState> sink, EntityTypeOptions options, RetryLedger ledger, TypeMetrics metrics, TimeProvider time)
    where TState : class
{
    /// <summary>How often a batch that lost to another transaction is sent again at once.</summary>
    private const int ContentionRetries = 3;

    /// <summary>How old a reading of the database's clock may be: bounds what drift between two clocks can add up to.</summary>
    private static readonly TimeSpan ClockAge = TimeSpan.FromMinutes(1);

    /// <summary>Read and replaced by reference: concurrent batches must not see the half of one reading with the half of another.</summary>
    private StrongBox<SinkClock>? _clock;

    /// <summary>A reading of the database's clock, taken before the call or during it. Fails as the database fails.</summary>
    public async Task<SinkClock> ReadClockAsync()
    {
        if (Volatile.Read(ref _clock) is { } known && time.GetElapsedTime(known.Value.ReceivedAt) < ClockAge)
        {
            return known.Value;
        }

        var clock = await sink.ReadClockAsync(CancellationToken.None).ConfigureAwait(false);
        Volatile.Write(ref _clock, new StrongBox<SinkClock>(clock));
        return clock;
    }

    /// <summary>
    /// The end of a lease that is taken after this call, by the database's clock, less a sixth of the lease for the difference that the
    /// two clocks' speeds may make meanwhile and for the commit.
    /// </summary>
    public DateTimeOffset DeadlineFrom(SinkClock clock)
        => clock.At + time.GetElapsedTime(clock.ReceivedAt) + (options.Lease * 5 / 6);

    /// <summary>Saves the batch; never throws for the database's failures.</summary>
    public async Task<BatchSaved> SaveAsync(List<SaveItem<TState>> items, DateTimeOffset deadline)
    {
        var results = new SaveResult?[items.Count];
        var started = time.GetTimestamp();
        var budget = options.Lease * 5 / 6;
        var reached = false;
        var blocked = new Dictionary<string, SinkException>(StringComparer.Ordinal);

        // One held entity costs a failure for each halving. More of them in a row, and nothing gets through at all.
        var patience = BitOperations.Log2((uint)items.Count) + 3;
        var failures = 0;
        SinkException? last = null;
        try
        {
            await SaveRangeAsync(0, items.Count).ConfigureAwait(false);
            return new BatchSaved(results, null, Doubt: false, blocked, reached);
        }
        catch (SinkException e)
        {
            // An outage makes the next reading meet another server, perhaps, with another clock.
            Volatile.Write(ref _clock, null);
            return new BatchSaved(results, e, Doubt: e.OutcomeUnknown, blocked, Reached: false);
        }

        async Task SaveRangeAsync(int from, int count)
        {
            var left = budget - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                if (!reached && last is not null)
                {
                    throw last;
                }

                results.AsSpan(from, count).Fill(new SaveResult(SaveOutcome.Expired));
                return;
            }

            try
            {
                var part = from == 0 && count == items.Count ? items : items.GetRange(from, count);
                var saved = await SendAsync(part, deadline, TimeoutFrom(left), retries: failures == 0 ? ContentionRetries : 0).ConfigureAwait(false);
                reached = true;
                failures = 0;
                for (var i = 0; i < saved.Length; i++)
                {
                    results[from + i] = saved[i];
                }
            }
            catch (SinkException e) when (e.Failure == SinkFailure.Statement)
            {
                reached = true;
                results.AsSpan(from, count).Fill(new SaveResult(SaveOutcome.Rejected, Error: e));
            }
            catch (SinkException e) when (e.Failure is SinkFailure.Contention or SinkFailure.Held or SinkFailure.Timeout)
            {
                failures++;
                last = e;
                if (count == 1)
                {
                    Block(from, e);
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
                    results[from] = new SaveResult(SaveOutcome.Rejected, Error: e);
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

        // What is left is divided, so that it lasts however often a part fails.
        TimeSpan TimeoutFrom(TimeSpan left)
        {
            var share = failures == 0 ? left : left / 3;
            return share < options.StatementTimeout ? share : options.StatementTimeout;
        }

        void Block(int index, SinkException error)
        {
            var id = items[index].Id;
            if (items.Count == 1 && error.Failure == SinkFailure.Timeout && !ledger.IsSuspect(id))
            {
                // Nothing says yet that it is the entity and not the database that is slow.
                throw error;
            }

            // Also where nothing gets through: should these be the ones in the way, the next batch goes without them.
            ledger.Postpone(id);
            if (!reached && failures >= patience)
            {
                throw error;
            }

            blocked[id] = error;
        }
    }

    private async Task<SaveResult[]> SendAsync(List<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, int retries)
    {
        for (var attempt = 0; ; attempt++)
        {
            var sent = time.GetTimestamp();
            try
            {
                return await sink.SaveAsync(items, deadline, timeout, CancellationToken.None).ConfigureAwait(false);
            }
            catch (SinkException e) when (e.Failure == SinkFailure.Contention && attempt < retries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(2, 20) << attempt), time).ConfigureAwait(false);
            }
            finally
            {
                metrics.Batch(items.Count, time.GetElapsedTime(sent));
            }
        }
    }
}

/// <summary>What became of a batch at the database.</summary>
/// <param name="Results">In the order of the items; null for those that were not tried, or whose part of the batch failed for a transient reason.</param>
/// <param name="Failure">The transient failure that ended it early; null where all were tried.</param>
/// <param name="Doubt">Whether a statement may still be running.</param>
/// <param name="Blocked">Entities that another transaction holds, or that take too long, and why: they wait, for ever if need be.</param>
/// <param name="Reached">Whether the database answered at all.</param>
internal readonly record struct BatchSaved(SaveResult?[] Results, SinkException? Failure, bool Doubt, IReadOnlyDictionary<string, SinkException> Blocked, bool Reached);
