using WriteBehind.Buffer;
using WriteBehind.Flushing;

namespace WriteBehind.Testing;

/// <summary>Flushes one entity type: claim, save, settle and report in one step, on demand and as time passes.</summary>
internal sealed class MemoryFlusher : IDisposable
{
    private readonly MemoryType _type;
    private readonly ITimer _timer;
    private RetryLedger _ledger;
    private bool _isScheduled;
    private bool _isDisposed;

    public MemoryFlusher(MemoryType type)
    {
        _type = type;
        _ledger = NewLedger();
        _timer = Servers.Time.CreateTimer(
            static flusher => ((MemoryFlusher)flusher!).FlushDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Why the last flush did not get through to the database; null where it did.</summary>
    public string? Failure { get; private set; }

    private EntityTypeOptions Options => _type.Options;

    private InMemoryWriteBehind Servers => _type.Servers;

    private EntityData Data => _type.Data;

    /// <summary>The entity was written: it may be tried at once.</summary>
    public void Written(string id)
    {
        _ledger.Revive(id);
        Schedule();
    }

    /// <summary>What an entity was rejected for is said to be mended.</summary>
    public void Forgive(string id) => _ledger.Forget(id);

    /// <summary>What a flush would find of an entity that it does not touch.</summary>
    public FlushItem Look(string id)
    {
        var item = new FlushItem(id, 0);
        lock (Servers.Gate)
        {
            item.End(
                Data.Dirty.ContainsKey(id) ? FlushOutcome.Held : Data.Letters.ContainsKey(id) ? FlushOutcome.Dead : FlushOutcome.Clean);
        }

        return item;
    }

    public FlushItem Flush(string id) => Flush([id])[0];

    /// <summary>Flushes entities: claim, save, settle, report. The items say what came of them.</summary>
    public FlushItem[] Flush(IReadOnlyCollection<string> ids)
    {
        FlushItem[] items = [.. ids.Order(StringComparer.Ordinal).Select(static id => new FlushItem(id, 0))];
        MemoryTimer[] timers;
        lock (Servers.Gate)
        {
            var claimed = Array.FindAll(items, IsClaimed);
            if (claimed.Length > 0)
            {
                SaveAll(claimed);
            }

            timers = [.. Data.Timers.Where(timer => ids.Contains(timer.Id))];
            Schedule();
        }

        // What they tell their owners is not our business.
        Array.ForEach(timers, static timer => timer.Told());
        return items;
    }

    /// <summary>Flushes one entity, and throws where it is not in the database then.</summary>
    /// <exception cref="EntityRejectedException">The database rejects it.</exception>
    /// <exception cref="FlushPausedException">The flush of the type is paused.</exception>
    /// <exception cref="FlushIncompleteException">Redis or the database is away. It is not waited for.</exception>
    public void FlushOrThrow(string id)
    {
        var item = Flush(id);
        if (item.IsSaved)
        {
            return;
        }

        throw item.Error is FlushPausedException paused ? paused : item.IsPassing
            ? new FlushIncompleteException(
                Options.Type, id, TimeSpan.Zero, item.Error?.Message ?? "it was written meanwhile.", item.Error)
            : new EntityRejectedException(Options.Type, id, item.Error?.Message ?? "it is a dead letter.", item.Error, item.Version);
    }

    /// <summary>The second half of a write-through.</summary>
    /// <exception cref="WriteThroughException">It stays buffered.</exception>
    /// <exception cref="StateLostException">The servers were emptied meanwhile.</exception>
    public void WriteThrough(string id, Knowledge written)
    {
        try
        {
            FlushOrThrow(id);
        }
        catch (WriteBehindException e)
        {
            throw new WriteThroughException(Options.Type, id, written.Version, e);
        }

        if (written.Epoch != Servers.Epoch)
        {
            throw new StateLostException(Options.Type, id);
        }
    }

    /// <summary>Flushes everything that is dirty, or what has been for so long.</summary>
    public FlushReport FlushAll(TimeSpan? minAge = null)
    {
        string[] ids;
        lock (Servers.Gate)
        {
            if (Servers.RedisAway)
            {
                return new FlushReport(0, new Dictionary<string, long>(), []) { Uncounted = [Options.Type] };
            }

            ids = [.. DueBefore(minAge ?? TimeSpan.MinValue)];
        }

        var items = Flush(ids);
        var rejected = items.Where(static item => !item.IsSaved && !item.IsPassing);
        var paused = items.Select(static item => item.Error).OfType<FlushPausedException>();
        var left = items.Count(static item => !item.IsSaved && item.Outcome != FlushOutcome.Dead);
        return new FlushReport(
            items.Count(static item => item.Outcome == FlushOutcome.Saved),
            left == 0 ? new Dictionary<string, long>() : new Dictionary<string, long> { [Options.Type] = left },
            [.. rejected.Select(item => new EntityRef(Options.Type, item.Id)).Take(100)])
        {
            Paused = [.. paused.Select(static error => error.Pause).Take(1)],
        };
    }

    /// <summary>Sees to it that what is dirty is flushed once its time has come, where time flushes.</summary>
    public void Schedule()
    {
        lock (Servers.Gate)
        {
            if (_isScheduled || _isDisposed || !Servers.FlushesByTime || Data.Dirty.Count == 0)
            {
                return;
            }

            // What is overdue was tried in vain.
            var again = Options.RetryDelay > TimeSpan.Zero ? Options.RetryDelay : Options.FlushDelay;
            var due = Data.Dirty.Values.Min(mark => mark.Since + Delay > Servers.Now ? mark.Since + Delay - Servers.Now : again);
            _isScheduled = true;
            _timer.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Forgets what was rejected: the servers were emptied.</summary>
    public void Forget()
    {
        lock (Servers.Gate)
        {
            (_ledger, Failure) = (NewLedger(), null);
        }
    }

    public void Dispose()
    {
        lock (Servers.Gate)
        {
            _isDisposed = true;
            _timer.Dispose();
        }
    }

    private TimeSpan Delay => Options.NotifyFlush ? TimeSpan.Zero : Options.FlushDelay;

    private IEnumerable<string> DueBefore(TimeSpan age)
        => Data.Dirty.Where(mark => Servers.Now - mark.Value.Since >= age)
            .OrderBy(static mark => mark.Value.Order).Select(static mark => mark.Key);

    private void FlushDue()
    {
        string[] ids;
        lock (Servers.Gate)
        {
            _isScheduled = false;
            ids = _isDisposed || !Servers.FlushesByTime ? [] : [.. DueBefore(Delay).Where(id => !_ledger.MustWait(id))];
        }

        Flush(ids);
    }

    private bool IsClaimed(FlushItem item)
    {
        if (Servers.RedisAway)
        {
            item.End(FlushOutcome.Unavailable, _type.RedisAway(item.Id, "was not flushed"));
        }
        else if (!Data.TryClaim(item))
        {
            item.End(Data.Letters.ContainsKey(item.Id) ? FlushOutcome.Dead : FlushOutcome.Clean);
        }
        else if (Data.PauseAt(Servers.Now) is { } pause)
        {
            item.End(FlushOutcome.Paused, new FlushPausedException(item.Id, pause));
        }
        else if (Servers.DatabaseAway)
        {
            var away = _type.DatabaseAway(item.Id, "was not flushed");
            Failure = away.Message;
            item.End(FlushOutcome.Unavailable, away);
            _type.Metrics.TransientFailure();
        }

        return !item.IsEnded;
    }

    private void SaveAll(FlushItem[] items)
    {
        Failure = null;
        _type.Metrics.Batch(items.Length, TimeSpan.Zero);
        foreach (var item in items)
        {
            try
            {
                if (item.Payload is { } payload)
                {
                    _type.Decode(item.Id, payload);
                }

                Report(
                    item,
                    Data.RejectionOf(item.Id, item.Payload) is { } rejected
                        ? new(SaveOutcome.Rejected, Error: rejected)
                        : Data.Save(item.Id, item.Version, item.Payload));
            }
            catch (PayloadException e) when (e.Problem == PayloadProblem.NewerSchema)
            {
                _ledger.Postpone(item.Id);
                item.End(FlushOutcome.NewerSchema, e);
            }
            catch (PayloadException e)
            {
                SetAside(item, StoredLetter.OfRejected(item, DeadLetterReason.Unreadable, e, 1, null, Servers.Now), e);
            }
        }
    }

    private void Report(FlushItem item, SaveResult saved)
    {
        _type.Metrics.Saved(saved.Outcome);
        switch (saved.Outcome)
        {
            case SaveOutcome.Applied or SaveOutcome.AlreadyThere:
                _ledger.Forget(item.Id);
                Data.Settle(item, Options);
                _type.Metrics.Settled(1);
                item.End(FlushOutcome.Saved);
                break;
            case SaveOutcome.Fenced:
                var conflict = new WriteConflictException(Options.Type, item.Id, item.Version, saved.StoredVersion);
                SetAside(item, StoredLetter.OfFenced(item, saved.StoredVersion, Servers.Now), conflict);
                break;
            default:
                var error = saved.Error!;
                var (attempts, firstAt, isLast) = _ledger.Reject(item.Id, Blame.CodeOf(error));
                if (isLast)
                {
                    SetAside(
                        item, StoredLetter.OfRejected(item, DeadLetterReason.Rejected, error, attempts, firstAt, Servers.Now), error);
                }
                else
                {
                    item.End(FlushOutcome.Rejected, error);
                }

                break;
        }
    }

    private void SetAside(FlushItem item, StoredLetter letter, Exception error)
    {
        Data.SetAside(item.Id, letter, Options);
        _type.Metrics.DeadLettered();
        item.End(FlushOutcome.Dead, error);
    }

    private RetryLedger NewLedger() => new(Options.MaxAttempts, Options.RetryDelay, Servers.Time);
}
