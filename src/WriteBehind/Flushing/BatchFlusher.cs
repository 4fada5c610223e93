using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Redis;

namespace WriteBehind.Flushing;

/// <summary>
/// Brings one batch of dirty entities to the database: claim, save, settle, report. Every flush of the type goes through here, whoever
/// asked for it. A crash between any two steps leaves the entities dirty, and repeating the steps is harmless.
/// </summary>
/// <remarks>
/// <para>The order is the protocol; docs/architecture.md says what breaks without each part, and tests/WriteBehind.Tests/Protocol shows
/// it.</para>
/// <para><b>Clock before claim.</b> The database's clock is read before the claim is sent. The deadline the save carries is that reading
/// plus local time since plus the lease: never later than the lease's end, even if this process sleeps at any point in between.</para>
/// <para><b>A claim outlives doubt.</b> Where a save's outcome is unknown, the claim is not given back: the statement may still run, and
/// until the lease ends nobody else may write these rows.</para>
/// </remarks>
internal sealed class BatchFlusher<TState>(TypeParts<TState> parts, DeadLetterBox letters, CircuitBreaker breaker) : IBatchFlusher
    where TState : class
{
    /// <summary>
    /// The most bytes of payload in one round of a batch, beside the first of each shard. Enough that only large states ever meet it (16 kB
    /// on average in a batch of 500); more of it at once would be held in memory by Redis, here and in the statement, and in the way of
    /// others.
    /// </summary>
    private const int RoundBytes = 8 << 20;

    private readonly BatchSaver<TState> _saver = new(parts);
    private readonly Settler _settler = new(
        parts.Engine.Redis, parts.Buffer, parts.Options, parts.Metrics, parts.Recent, parts.Engine.Settles);
    private readonly EntityTypeOptions _options = parts.Options;
    private readonly TypeMetrics _metrics = parts.Metrics;
    private readonly RetryLedger _ledger = parts.Ledger;
    private readonly Rejections _rejections = new(parts, letters);
    private readonly ILogger _logger = parts.Logger;
    private readonly TypeSlots _slots = parts.Engine.SlotsOf(parts.Engine.Flushes, parts.Engine.Options.MaxConcurrentFlushes);

    /// <summary>What all of the type were refused for last.</summary>
    private volatile string? _refusedFor;

    /// <summary>
    /// Flushes at most a batch of entities, in several rounds where their states are large; the items say afterwards what came of them.
    /// Never throws for a failing database.
    /// </summary>
    /// <param name="items">New items, of distinct entities.</param>
    /// <param name="cancellationToken">Stops waiting for a slot, and further rounds. Once its claim is sent a round runs to its
    /// end.</param>
    /// <exception cref="BufferUnavailableException">Redis is away. Where that shows in a later round only, it is the result of what was
    /// left to it.</exception>
    public async Task FlushAsync(FlushItem[] items, CancellationToken cancellationToken)
    {
        await _slots.EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Each round takes at least one of every shard, so they end.
            var round = items;
            do
            {
                if (!breaker.TryEnter(out var entry))
                {
                    return;
                }

                try
                {
                    await RunRoundAsync(round, entry).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    // Whatever it was (a listener of activities can throw, too): a probe that did not give its entry back would be the last
                    // one.
                    breaker.Leave(entry);
                    if (round == items || e is not BufferUnavailableException)
                    {
                        throw;
                    }

                    // What the rounds before have flushed is flushed.
                    FlushItem.EndOpen(round, e);
                }

                round = Array.FindAll(round, static item => item.IsLeft);
            }
            while (round.Length > 0 && !cancellationToken.IsCancellationRequested);
        }
        finally
        {
            _slots.Leave();
        }
    }

    private async Task RunRoundAsync(FlushItem[] round, BreakerEntry entry)
    {
        using var activity = EngineMeter.Activities.StartActivity(
            ActivityKind.Internal, links: parts.Traces.Take(round.Select(static item => item.Id)), name: "writebehind.flush");
        activity?.SetTag(WriteBehindDiagnostics.TypeTag, _options.Type).SetTag("writebehind.batch", round.Length);
        try
        {
            if (await ClaimSaveSettleAsync(round).ConfigureAwait(false))
            {
                breaker.Succeed(entry);
                if (entry.IsProbe)
                {
                    FlushLog.Recovered(_logger, _options.Type);
                }
            }
            else
            {
                breaker.Leave(entry);
            }
        }
        catch (SinkException e)
        {
            _metrics.TransientFailure();

            // Where the server answers, the next try comes soon enough for what can be saved by then to be in time.
            var isAway = e.Failure == SinkFailure.Transient;
            breaker.Fail(entry, e.Message, longest: isAway ? null : _options.MaxAge / 2);
            if (e.Failure != SinkFailure.Statement)
            {
                FlushLog.TransientFailure(_logger, e, _options.Type, breaker.Wait);
            }
            else if (!entry.IsProbe || _refusedFor != Blame.CodeOf(e))
            {
                FlushLog.Refused(_logger, _options.Type, e.Message);
            }

            _refusedFor = e.Failure == SinkFailure.Statement ? Blame.CodeOf(e) : null;
            FlushItem.EndOpen(round, e);
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
        }
    }

    /// <summary>One round; true where the database answered at all.</summary>
    private async Task<bool> ClaimSaveSettleAsync(FlushItem[] round)
    {
        var clock = await _saver.Clock.ReadAsync(CancellationToken.None).ConfigureAwait(false);
        await ReachAsync(ProtocolStep.BeforeClaim, round).ConfigureAwait(false);
        var deadline = _saver.Clock.DeadlineFrom(clock, _options.Lease);
        var shards = await ClaimAsync(round).ConfigureAwait(false);
        var doubt = false;
        try
        {
            await ReachAsync(ProtocolStep.Claimed, round).ConfigureAwait(false);
            var items = await DecodeAsync(round).ConfigureAwait(false);
            if (items.Count == 0)
            {
                return false;
            }

            var saved = await _saver.SaveAsync(items, deadline).ConfigureAwait(false);
            doubt = saved.Doubt;
            await ReachAsync(ProtocolStep.Saved, round).ConfigureAwait(false);
            await ReportAsync(shards, round, doubt).ConfigureAwait(false);
            return saved.Failure is null ? saved.Reached : throw saved.Failure;
        }
        finally
        {
            await GiveBackAsync(shards, doubt).ConfigureAwait(false);
            Array.ForEach(round, static item => item.Unload());
            Array.ForEach(round, parts.Buffer.Flushing.End);
        }
    }

    /// <summary>
    /// Claims in every shard of the round; returns what was asked of those that answered. On a cluster one server may be away and the
    /// others not: what they gave goes on, and is not left locked for a lease.
    /// </summary>
    /// <exception cref="BufferUnavailableException">No shard answered.</exception>
    private async Task<List<FlushItem[]>> ClaimAsync(FlushItem[] round)
    {
        FlushItem[][] shards = [.. round.GroupBy(static item => item.Shard).Select(static shard => shard.ToArray())];
        var room = RoundBytes / shards.Length;
        var claiming = Array.ConvertAll(shards, shard => parts.Claims.ClaimAsync(shard, room, CancellationToken.None));
        var claimed = new List<FlushItem[]>(shards.Length);
        Exception? failure = null;
        for (var i = 0; i < shards.Length; i++)
        {
            try
            {
                await claiming[i].ConfigureAwait(false);
                claimed.Add(shards[i]);
            }
#pragma warning disable CA1031 // Whatever it is, the others' claims must not be left locked for a lease.
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure = failure is null or BufferUnavailableException ? e : failure;
                FlushItem.EndOpen(shards[i], e);
            }
        }

        if (failure is not null && (claimed.Count == 0 || failure is not BufferUnavailableException))
        {
            await GiveBackAsync(claimed, doubt: false).ConfigureAwait(false);
            Array.ForEach(round, parts.Buffer.Flushing.End);
            ExceptionDispatchInfo.Throw(failure);
        }

        return claimed;
    }

    /// <summary>Reads what was claimed; returns what is to be saved, sorted by id so that two flushers can't deadlock.</summary>
    private async Task<List<FlushItem>> DecodeAsync(FlushItem[] round)
    {
        var items = new List<FlushItem>(round.Length);
        foreach (var item in round)
        {
            switch (item.Status)
            {
                case ClaimStatus.Later:
                    break;
                case ClaimStatus.Held:
                    item.End(FlushOutcome.Held);
                    break;
                case ClaimStatus.Paused:
                    item.End(FlushOutcome.Paused, new FlushPausedException(item.Id, item.Claim!.Pause!));
                    break;
                case ClaimStatus.Clean:
                    _ledger.Forget(item.Id);
                    item.End(FlushOutcome.Clean);
                    break;
                case ClaimStatus.Dead:
                    _ledger.Bury(item.Id);
                    item.End(FlushOutcome.Dead);
                    break;
                case ClaimStatus.Lost:
                    _metrics.Lost();
                    _ledger.Forget(item.Id);
                    FlushLog.Lost(_logger, _options.Type, item.Id);
                    item.End(FlushOutcome.Lost, new StateLostException(_options.Type, item.Id));
                    break;
                case ClaimStatus.Error:
                    RejectUnexpectedKey(item);
                    break;
                default:
                    if (await TryDecodeAsync(item).ConfigureAwait(false))
                    {
                        items.Add(item);
                    }

                    break;
            }
        }

        items.Sort(static (a, b) => string.CompareOrdinal(a.Id, b.Id));
        return items;
    }

    private async Task<bool> TryDecodeAsync(FlushItem item)
    {
        try
        {
            item.State = item.Payload is null ? null : parts.Codec.Decode(item.Id, item.Payload);
            return true;
        }
        catch (PayloadException e) when (e.Problem == PayloadProblem.NewerSchema)
        {
            if (!_ledger.IsSuspect(item.Id))
            {
                FlushLog.NewerSchema(_logger, _options.Type, item.Id);
            }

            _ledger.Postpone(item.Id);
            item.End(FlushOutcome.NewerSchema, e);
        }
        catch (PayloadException e)
        {
            // The same bytes can't become readable, so there is nothing to wait for.
            var dead = await letters.SetAsideAsync(item, DeadLetterReason.Unreadable, e, attempts: 1, firstAt: null).ConfigureAwait(false);
            item.End(dead ? FlushOutcome.Dead : FlushOutcome.Overtaken, e);
        }

        return false;
    }

    /// <summary>There is no state to keep in a dead letter, so it stays dirty, and its age shows that something is wrong.</summary>
    private void RejectUnexpectedKey(FlushItem item)
    {
        var error = new UnexpectedKeyException(
            (string)parts.Buffer.Keys[item.Shard].Entity(item.Id)!, item.KeyError ?? "it can't be read", _options.Type, item.Id);
        if (!_ledger.MustWait(item.Id))
        {
            FlushLog.UnexpectedKey(_logger, _options.Type, item.Id, error.Message);
        }

        _ledger.Postpone(item.Id);
        item.End(FlushOutcome.Rejected, error);
    }

    private async Task ReportAsync(List<FlushItem[]> shards, FlushItem[] round, bool doubt)
    {
        var expired = 0;
        foreach (var item in round)
        {
            if (item.Saved is { } saved)
            {
                _metrics.Saved(saved.Outcome);
                expired += saved.Outcome == SaveOutcome.Expired ? 1 : 0;
            }
        }

        if (expired > 0)
        {
            FlushLog.Expired(_logger, expired, _options.Type);
        }

        await ReachAsync(ProtocolStep.BeforeSettle, round).ConfigureAwait(false);
        if (_settler.TakesShardsTogether)
        {
            await ReportShardsAsync([.. shards.SelectMany(static shard => shard)], doubt).ConfigureAwait(false);
        }
        else
        {
            await Task.WhenAll(shards.Select(shard => ReportShardsAsync(shard, doubt))).ConfigureAwait(false);
        }

        await ReachAsync(ProtocolStep.Settled, round).ConfigureAwait(false);
    }

    private async Task ReportShardsAsync(FlushItem[] some, bool doubt)
    {
        var settle = new List<FlushItem>(some.Length);
        foreach (var item in some)
        {
            switch (item.Saved?.Outcome)
            {
                case null:
                    break;
                case SaveOutcome.Applied or SaveOutcome.AlreadyThere:
                    _ledger.Forget(item.Id);
                    settle.Add(item);
                    break;
                case SaveOutcome.Expired:
                    item.End(FlushOutcome.Expired);
                    break;
                case SaveOutcome.Fenced:
                    await SetAsideFencedAsync(item, item.Saved.Value.StoredVersion).ConfigureAwait(false);
                    break;
                default:
                    await _rejections.AddAsync(item, item.Saved.Value.Error!).ConfigureAwait(false);
                    break;
            }
        }

        if (settle.Count > 0)
        {
            await SettleAsync(settle, doubt).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The row is another write's. Of before Redis went back and older than the row, the write was saved and written over long ago.
    /// </summary>
    private async Task SetAsideFencedAsync(FlushItem item, long stored)
    {
        if (stored > item.Version && Nonces.IsOld(item.Nonce, item.Claim!.Epoch))
        {
            var dropped = await letters.DropSupersededAsync(item, stored).ConfigureAwait(false);
            item.End(dropped ? FlushOutcome.Clean : FlushOutcome.Overtaken);
            return;
        }

        var error = new WriteConflictException(_options.Type, item.Id, item.Version, stored);
        var fenced = await letters.SetAsideFencedAsync(item, stored).ConfigureAwait(false);
        item.End(fenced ? FlushOutcome.Dead : FlushOutcome.Overtaken, error);
    }

    private async Task SettleAsync(List<FlushItem> saved, bool doubt)
    {
        // A settle takes back all claims of the term, so in doubt there is none: the next flusher finds these rows already there.
        if (!doubt)
        {
            // Where this fails there is no result, and so the claim is given back: what was sent to the database has ended.
            await _settler.SettleAsync(saved, CancellationToken.None).ConfigureAwait(false);
        }

        saved.ForEach(static item => item.End(item.HasMoved ? FlushOutcome.Moved : FlushOutcome.Saved));

        await parts.Claims.TryRestampAsync(saved.FindAll(static item => item.HasMoved)).ConfigureAwait(false);
    }

    /// <summary>
    /// Gives back what was not settled, so that it need not wait for the lease to end. Not where a save may still be under way.
    /// </summary>
    private Task GiveBackAsync(List<FlushItem[]> shards, bool doubt)
        => doubt ? Task.CompletedTask : parts.Claims.TryReleaseAsync(
            shards.Where(static shard => Array.Exists(shard, static item => item.IsHeld)).Select(static shard => shard[0].Claim!));

    private ValueTask ReachAsync(ProtocolStep step, FlushItem[] round)
        => parts.Engine.Gate is OpenGate ? default : parts.Engine.Gate.ReachAsync(
            step, _options.Type, Array.ConvertAll(round, static item => item.Id), CancellationToken.None);
}
