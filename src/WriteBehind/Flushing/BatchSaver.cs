using System.Numerics;
using WriteBehind.Common;

namespace WriteBehind.Flushing;

/// <summary>
/// Saves batches through the sink: retries contention at once, bisects around entities that can't be stored or that somebody holds, and
/// stops at the first transient failure with what it has.
/// </summary>
internal sealed class BatchSaver<TState>(TypeParts<TState> parts)
    where TState : class
{
    /// <summary>The database's clock.</summary>
    public DatabaseClock Clock { get; } = new(parts.Sink.ReadClockAsync, parts.Time);

    /// <summary>Saves the batch; what was said of each is on the items. Never throws for the database's failures.</summary>
    public async Task<BatchSaved> SaveAsync(List<FlushItem> items, DateTimeOffset deadline)
    {
        var save = new BatchSave<TState>(parts, items, deadline);
        try
        {
            await save.RunAsync().ConfigureAwait(false);
            return new BatchSaved(null, Doubt: false, save.IsReached);
        }
        catch (SinkException e)
        {
            if (e.Failure == SinkFailure.Transient)
            {
                Clock.Forget();
            }

            return new BatchSaved(e, Doubt: e.OutcomeUnknown, Reached: false);
        }
    }
}

/// <summary>One batch on its way to the database, and what has been learned of it.</summary>
/// <remarks>
/// <para>
/// Blame needs proof: a judged entity ends as a dead letter, and an error may come from its values, from a trigger or a page that concerns
/// it alone, or from the statement, the mapping or the server, which concern all. What fails while others pass is the entity's fault. What
/// fails where nothing passes, though the server answers, is nobody's: the type waits, and it is said once.
/// </para>
/// <para>
/// So where a batch fails with an error that does not prove itself (see <see cref="Blame"/>), a few of its entities are asked one by one,
/// spread over the batch; the first that passes is the proof, and the rest is bisected. That costs a dead table a dozen statements, where
/// bisecting would cost it a thousand.
/// </para>
/// </remarks>
internal sealed class BatchSave<TState>(TypeParts<TState> parts, List<FlushItem> items, DateTimeOffset deadline)
    where TState : class
{
    /// <summary>How often a batch that lost to another transaction is sent again at once.</summary>
    private const int ContentionRetries = 3;

    private readonly EntityTypeOptions _options = parts.Options;
    private readonly RetryLedger _ledger = parts.Ledger;
    private readonly long _started = parts.Time.GetTimestamp();

    /// <summary>One held entity costs a failure for each halving. More of them in a row, and nothing gets through at all.</summary>
    private readonly int _patience = BitOperations.Log2((uint)items.Count) + 3;

    /// <summary>
    /// Whether others have passed since one of these failed: then the database is fine, and these are slow, held or bad by themselves.
    /// </summary>
    private readonly bool _othersPass = items.Exists(item => parts.Ledger.OthersPassed(item.Id));

    private readonly long _passes = parts.Ledger.Passes;

    private bool _isProven;
    private bool _isEnough;
    private int _failures;
    private SinkException? _last;

    /// <summary>Whether the database answered in a way that shows that it works.</summary>
    public bool IsReached { get; private set; }

    /// <exception cref="SinkException">Nothing gets through.</exception>
    public Task RunAsync() => SaveAsync(items);

    private async Task SaveAsync(List<FlushItem> some)
    {
        // Those that were asked before are done.
        some = some.FindAll(static item => item.Saved is null && !item.IsEnded);
        if (some.Count == 0)
        {
            return;
        }

        if (_isEnough)
        {
            some.ForEach(item => Block(item, _last!));
            return;
        }

        if (Left <= TimeSpan.Zero)
        {
            if (!IsReached && _last is not null)
            {
                throw _last;
            }

            some.ForEach(static item => item.Saved = new SaveResult(SaveOutcome.Expired));
            return;
        }

        try
        {
            await SendAsync(some).ConfigureAwait(false);
        }
        catch (SinkException e) when (IsOfOthers(e))
        {
            (_failures, _last) = (_failures + 1, e);
            if (some.Count == 1)
            {
                await WaitAsync(some[0], e).ConfigureAwait(false);
                return;
            }

            await SaveHalvesAsync(some).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not SinkException { Failure: SinkFailure.Transient })
        {
            IsReached |= Blame.IsOfValue(e);
            if (some.Count == 1)
            {
                Judge(some[0], e);
                return;
            }

            if (!_isProven && !Blame.IsOfValue(e) && !some.Exists(item => _ledger.IsAlone(item.Id, Blame.CodeOf(e))))
            {
                await ProveAsync(e).ConfigureAwait(false);
            }

            await SaveHalvesAsync(some).ConfigureAwait(false);
        }
    }

    private async Task SaveHalvesAsync(List<FlushItem> some)
    {
        var half = some.Count / 2;
        await SaveAsync(some.GetRange(0, half)).ConfigureAwait(false);
        await SaveAsync(some.GetRange(half, some.Count - half)).ConfigureAwait(false);
    }

    /// <summary>Looks for one that passes.</summary>
    /// <exception cref="SinkException">There is none: it is nobody's fault.</exception>
    private async Task ProveAsync(Exception error)
    {
        var open = items.FindAll(static item => item.Saved is null && !item.IsEnded);
        var count = Math.Min(open.Count, _patience);
        var failed = new List<(FlushItem Item, Exception Error)>(count);
        for (var i = 0; i < count && !_isProven && Left > TimeSpan.Zero; i++)
        {
            var item = open[(int)((long)i * open.Count / count)];
            try
            {
                await SendAsync([item]).ConfigureAwait(false);
            }
            catch (SinkException e) when (IsOfOthers(e))
            {
                Block(item, e);
            }
            catch (Exception e) when (e is not SinkException { Failure: SinkFailure.Transient })
            {
                failed.Add((item, e));
            }
        }

        foreach (var (item, e) in failed)
        {
            if (_isProven || Blame.IsOfValue(e))
            {
                item.Saved = new SaveResult(SaveOutcome.Rejected, Error: e);
            }
            else
            {
                // Should these few be the bad ones, the next batch goes without them.
                _ledger.Postpone(item.Id, Blame.CodeOf(e));
            }
        }

        if (!_isProven)
        {
            _ledger.NoteRefusal(Blame.CodeOf(error));
            throw Blame.OfNobody(error, _options.Type);
        }
    }

    /// <summary>
    /// It fails alone. Where others pass it is to blame; where nothing is known of others, it is for a value that is wrong by itself.
    /// </summary>
    private void Judge(FlushItem item, Exception error)
    {
        var isOnlyOne = items.Count == 1 && error is not SinkException { Failure: SinkFailure.Statement }
            && !_ledger.IsOfAll(Blame.CodeOf(error));
        if (_isProven || isOnlyOne || Blame.IsOfValue(error) || _ledger.IsAlone(item.Id, Blame.CodeOf(error)))
        {
            IsReached = true;
            item.Saved = new SaveResult(SaveOutcome.Rejected, Error: error);
            return;
        }

        // No try is counted, and no other is stopped for it. Once another one passes, the next failure is the proof.
        parts.Metrics.TransientFailure();
        if (!_ledger.IsSuspect(item.Id))
        {
            FlushLog.Unproven(parts.Logger, _options.Type, item.Id, error.Message);
        }

        _ledger.Postpone(item.Id, Blame.CodeOf(error), _passes);
        item.End(FlushOutcome.Blocked, error);
    }

    /// <summary>It is alone, and held or slow.</summary>
    private async Task WaitAsync(FlushItem item, SinkException error)
    {
        if (items.Count == 1 && error.Failure == SinkFailure.Timeout && !_ledger.IsSuspect(item.Id))
        {
            // Nothing says yet that it is the entity and not the database that is slow. So the database is asked something easy.
            parts.Metrics.TransientFailure();
            await parts.Sink.ReadClockAsync(CancellationToken.None).ConfigureAwait(false);
        }

        FlushLog.Blocked(parts.Logger, _options.Type, item.Id, error.Message);
        Block(item, error);
        if (!IsReached && _failures >= _patience)
        {
            // Also where nothing gets through they were put off: should these be the ones in the way, the next batch goes without them.
            _isEnough = _othersPass ? true : throw error;
        }
    }

    private void Block(FlushItem item, SinkException error)
    {
        _ledger.Postpone(item.Id);
        item.End(FlushOutcome.Blocked, error);
    }

    private async Task SendAsync(List<FlushItem> some)
    {
        var batch = some.ConvertAll(static item => new SaveItem<TState>(item.Id, item.Version, (TState?)item.State));
        var saved = await SendAsync(batch, retries: _failures == 0 ? ContentionRetries : 0).ConfigureAwait(false);
        (IsReached, _failures) = (true, 0);
        for (var i = 0; i < saved.Length; i++)
        {
            some[i].Saved = saved[i];
            _isProven |= saved[i].Outcome is SaveOutcome.Applied or SaveOutcome.AlreadyThere or SaveOutcome.Fenced;
        }

        if (_isProven)
        {
            _ledger.NotePass();
        }
    }

    private async Task<SaveResult[]> SendAsync(List<SaveItem<TState>> batch, int retries)
    {
        for (var attempt = 0; ; attempt++)
        {
            var sent = parts.Time.GetTimestamp();
            try
            {
                return await parts.Sink.SaveAsync(batch, deadline, Timeout, CancellationToken.None).ConfigureAwait(false);
            }
            catch (SinkException e) when (e.Failure == SinkFailure.Contention && attempt < retries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(2, 20) << attempt), parts.Time).ConfigureAwait(false);
            }
            finally
            {
                parts.Metrics.Batch(batch.Count, parts.Time.GetElapsedTime(sent));
            }
        }
    }

    private TimeSpan Left => DatabaseClock.UsableOf(_options.Lease) - parts.Time.GetElapsedTime(_started);

    /// <summary>What is left is divided, so that it lasts however often a part fails.</summary>
    private TimeSpan Timeout
    {
        get
        {
            var share = _failures == 0 ? Left : Left / 3;
            return share < _options.StatementTimeout ? share : _options.StatementTimeout;
        }
    }

    private static bool IsOfOthers(SinkException error)
        => error.Failure is SinkFailure.Contention or SinkFailure.Held or SinkFailure.Timeout;
}

/// <summary>How the save of a batch ended.</summary>
/// <param name="Failure">The failure that ended it early, which is no entity's; null where all were tried.</param>
/// <param name="Doubt">Whether a statement may still be running.</param>
/// <param name="Reached">Whether the database answered at all.</param>
internal readonly record struct BatchSaved(SinkException? Failure, bool Doubt, bool Reached);
