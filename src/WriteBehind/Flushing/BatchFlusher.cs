using System.Diagnostics;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Redis;

namespace WriteBehind.Flushing;

/// <summary>
/// Brings one batch of dirty entities to the database: claim, save, settle, report. Every flush of the type goes through here, whoever
/// asked for it. A crash between any two steps leaves the entities dirty, and repeating the steps is harmless.
/// </summary>
/// <remarks>
/// <para>The order is the protocol; docs/architecture.md says what breaks without each part, and tests/WriteBehind.Tests/Protocol shows it.</para>
/// <para><b>Clock before claim.</b> The database's clock is read before the claim is sent. The deadline the save carries is that reading
/// plus local time since plus the lease: never later than the lease's end, even if this process sleeps at any point in between.</para>
/// <para><b>A claim outlives doubt.</b> Where a save's outcome is unknown, the claim is not given back: the statement may still run, and
/// until the lease ends nobody else may write these rows.</para>
/// </remarks>
internal sealed class BatchFlusher<TState>(
    EntityBuffer buffer,
    Settler settler,
    PayloadCodec<TState> codec,
    BatchSaver<TState> saver,
    DeadLetterBox letters,
    RetryLedger ledger,
    CircuitBreaker breaker,
    EntityTypeOptions<TState> options,
    TypeMetrics metrics,
    IProtocolGate gate,
    SemaphoreSlim slots,
    ILogger logger) : IBatchFlusher
    where TState : class
{
    /// <summary>
    /// The most bytes of payload in one round of a batch, beside the first of each shard. Enough that only large states ever meet it (16 kB
    /// on average in a batch of 500); more of it at once would be held in memory by Redis, here and in the statement, and in the way of others.
    /// </summary>
    private const int RoundBytes = 8 << 20;

    /// <summary>Flushes at most a batch of entities, in several rounds where their states are large; the results are in the order of the ids. Never throws for a failing database.</summary>
    /// <param name="ids">Distinct ids.</param>
    /// <param name="cancellationToken">Stops waiting for a slot, and further rounds. Once its claim is sent a round runs to its end.</param>
    /// <exception cref="BufferUnavailableException">Redis is away. Where that shows in a later round only, it is the result of what was left to it.</exception>
    public async Task<FlushResult[]> FlushAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        await slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var batch = new FlushBatch(ids);
            do
            {
                if (!breaker.TryEnter(out var entry))
                {
                    break;
                }

                try
                {
                    await RunRoundAsync(batch, entry).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    // Whatever it was (a listener of activities can throw, too): a probe that did not give its entry back would be the last one.
                    breaker.Leave(entry);
                    if (batch.IsFirstRound || e is not BufferUnavailableException)
                    {
                        throw;
                    }

                    // What the rounds before have flushed is flushed.
                    batch.FillOpen(new FlushResult(FlushOutcome.Unavailable, e));
                }
            }
            while (batch.BeginRound() && !cancellationToken.IsCancellationRequested);

            return batch.Results;
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task RunRoundAsync(FlushBatch batch, BreakerEntry entry)
    {
        using var activity = EngineMeter.Activities.StartActivity("writebehind.flush");
        activity?.SetTag(WriteBehindDiagnostics.TypeTag, options.Type).SetTag("writebehind.batch", batch.Ids.Count);
        try
        {
            await ClaimSaveSettleAsync(batch).ConfigureAwait(false);
            if (batch.Reached)
            {
                breaker.Succeed(entry);
                if (entry.IsProbe)
                {
                    FlushLog.Recovered(logger, options.Type);
                }
            }
            else
            {
                breaker.Leave(entry);
            }
        }
        catch (SinkException e)
        {
            metrics.TransientFailure();
            breaker.Fail(entry, e.Message);
            FlushLog.TransientFailure(logger, e, options.Type, breaker.Wait);
            batch.FillOpen(new FlushResult(FlushOutcome.Unavailable, e));
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
        }
    }

    private async Task ClaimSaveSettleAsync(FlushBatch batch)
    {
        var clock = await saver.ReadClockAsync().ConfigureAwait(false);
        await ReachAsync(ProtocolStep.BeforeClaim, batch.Ids).ConfigureAwait(false);
        var deadline = saver.DeadlineFrom(clock);
        var claims = await ClaimAsync(batch).ConfigureAwait(false);
        await ReachAsync(ProtocolStep.Claimed, batch.Ids).ConfigureAwait(false);

        var doubt = false;
        try
        {
            var items = await DecodeAsync(claims, batch).ConfigureAwait(false);
            if (items.Count > 0)
            {
                var saved = await saver.SaveAsync(items, deadline).ConfigureAwait(false);
                batch.Reached = saved.Reached;
                doubt = saved.Doubt;
                foreach (var (id, error) in saved.Blocked)
                {
                    FlushLog.Blocked(logger, options.Type, id, error.Message);
                    batch.Set(id, new FlushResult(FlushOutcome.Blocked, error));
                }

                await ReachAsync(ProtocolStep.Saved, batch.Ids).ConfigureAwait(false);
                await ReportAsync(claims, items, saved, batch).ConfigureAwait(false);
                if (saved.Failure is not null)
                {
                    throw saved.Failure;
                }
            }
        }
        finally
        {
            await GiveBackAsync(claims, batch, doubt).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Claims in every shard of the batch. On a cluster one server may be away and the others not: what they gave goes on, and is not left
    /// locked for a lease.
    /// </summary>
    /// <exception cref="BufferUnavailableException">No shard answered.</exception>
    private async Task<ShardClaim[]> ClaimAsync(FlushBatch batch)
    {
        var shards = batch.Ids.GroupBy(buffer.Keys.ShardOf).ToArray();
        var claiming = Array.ConvertAll(
            shards, shard => (Ids: shard.ToArray(), Claim: buffer.ClaimAsync(shard.Key, [.. shard], RoundBytes / shards.Length, CancellationToken.None)));
        var claims = new List<ShardClaim>(shards.Length);
        BufferUnavailableException? failure = null;
        foreach (var (ids, claim) in claiming)
        {
            try
            {
                claims.Add(await claim.ConfigureAwait(false));
            }
            catch (BufferUnavailableException e)
            {
                failure ??= e;
                Array.ForEach(ids, id => batch.Set(id, new FlushResult(FlushOutcome.Unavailable, e)));
            }
        }

        return claims.Count > 0 || failure is null ? [.. claims] : throw failure;
    }

    /// <summary>Turns what was claimed into what the sink saves, sorted by id so that two flushers can't deadlock.</summary>
    private async Task<List<SaveItem<TState>>> DecodeAsync(ShardClaim[] claims, FlushBatch batch)
    {
        var items = new List<SaveItem<TState>>(batch.Ids.Count);
        foreach (var claim in claims)
        {
            foreach (var entity in claim.Entities)
            {
                switch (entity.Status)
                {
                    case ClaimStatus.Later:
                        batch.Leave(entity.Id);
                        break;
                    case ClaimStatus.Held:
                        batch.Set(entity.Id, new FlushResult(FlushOutcome.Held));
                        break;
                    case ClaimStatus.Clean:
                        ledger.Forget(entity.Id);
                        batch.Set(entity.Id, new FlushResult(FlushOutcome.Clean));
                        break;
                    case ClaimStatus.Dead:
                        ledger.Bury(entity.Id);
                        batch.Set(entity.Id, new FlushResult(FlushOutcome.Dead));
                        break;
                    case ClaimStatus.Lost:
                        metrics.Lost();
                        ledger.Forget(entity.Id);
                        FlushLog.Lost(logger, options.Type, entity.Id);
                        batch.Set(entity.Id, new FlushResult(FlushOutcome.Lost, new StateLostException(options.Type, entity.Id)));
                        break;
                    case ClaimStatus.Error:
                        batch.Set(entity.Id, new FlushResult(FlushOutcome.Rejected, RejectForeign(claim.Shard, entity)));
                        break;
                    default:
                        if (await DecodeAsync(claim, entity, batch).ConfigureAwait(false) is { } item)
                        {
                            items.Add(item);
                        }

                        break;
                }
            }
        }

        items.Sort(static (a, b) => string.CompareOrdinal(a.Id, b.Id));
        return items;
    }

    private async Task<SaveItem<TState>?> DecodeAsync(ShardClaim claim, ClaimedEntity entity, FlushBatch batch)
    {
        try
        {
            return new SaveItem<TState>(entity.Id, entity.Version, entity.Payload is null ? null : codec.Decode(entity.Id, entity.Payload));
        }
        catch (PayloadException e) when (e.Problem == PayloadProblem.NewerSchema)
        {
            if (!ledger.IsSuspect(entity.Id))
            {
                FlushLog.NewerSchema(logger, options.Type, entity.Id);
            }

            ledger.Postpone(entity.Id);
            batch.Set(entity.Id, new FlushResult(FlushOutcome.NewerSchema, e));
        }
        catch (PayloadException e)
        {
            // The same bytes can't become readable, so there is nothing to wait for.
            var dead = await letters.SetAsideAsync(claim.Shard, entity, DeadLetterReason.Unreadable, e, attempts: 1, firstAt: null).ConfigureAwait(false);
            batch.Set(entity.Id, new FlushResult(dead ? FlushOutcome.Dead : FlushOutcome.Overtaken, e, entity.Version));
        }

        return null;
    }

    /// <summary>There is no state to keep in a dead letter, so it stays dirty, and its age shows that something is wrong.</summary>
    private UnexpectedKeyException RejectForeign(int shard, ClaimedEntity entity)
    {
        var error = new UnexpectedKeyException(
            (string)buffer.Keys[shard].Entity(entity.Id)!, entity.Error ?? "it can't be read", options.Type, entity.Id);
        if (!ledger.MustWait(entity.Id))
        {
            FlushLog.Foreign(logger, options.Type, entity.Id, error.Message);
        }

        ledger.Postpone(entity.Id);
        return error;
    }

    private async Task ReportAsync(ShardClaim[] claims, List<SaveItem<TState>> items, BatchSaved saved, FlushBatch batch)
    {
        var results = new Dictionary<string, SaveResult>(items.Count, StringComparer.Ordinal);
        for (var i = 0; i < items.Count; i++)
        {
            if (saved.Results[i] is { } result)
            {
                metrics.Saved(result.Outcome);
                results.Add(items[i].Id, result);
            }
        }

        await ReachAsync(ProtocolStep.BeforeSettle, batch.Ids).ConfigureAwait(false);
        await Task.WhenAll(claims.Select(claim => ReportAsync(claim, results, saved.Doubt, batch))).ConfigureAwait(false);
        await ReachAsync(ProtocolStep.Settled, batch.Ids).ConfigureAwait(false);
    }

    private async Task ReportAsync(ShardClaim claim, Dictionary<string, SaveResult> results, bool doubt, FlushBatch batch)
    {
        var settle = new List<ClaimedEntity>(claim.Entities.Count);
        foreach (var entity in claim.Entities)
        {
            if (!results.TryGetValue(entity.Id, out var result))
            {
                continue;
            }

            switch (result.Outcome)
            {
                case SaveOutcome.Applied or SaveOutcome.AlreadyThere:
                    ledger.Forget(entity.Id);
                    settle.Add(entity);
                    break;
                case SaveOutcome.Expired:
                    batch.Set(entity.Id, new FlushResult(FlushOutcome.Expired));
                    break;
                case SaveOutcome.Fenced:
                    var fenced = await letters.SetAsideFencedAsync(claim.Shard, entity, result.StoredVersion).ConfigureAwait(false);
                    batch.Set(entity.Id, new FlushResult(fenced ? FlushOutcome.Dead : FlushOutcome.Overtaken));
                    break;
                default:
                    batch.Set(entity.Id, await RejectAsync(claim.Shard, entity, result.Error!).ConfigureAwait(false));
                    break;
            }
        }

        // A settle takes back all claims of the term, so in doubt there is none: the next flusher finds these rows already there.
        IReadOnlyList<ClaimedEntity> moved = [];
        if (settle.Count > 0 && !doubt)
        {
            // Where this fails there is no result, and so the claim is given back: what was sent to the database has ended.
            moved = await settler.SettleAsync(claim, settle, CancellationToken.None).ConfigureAwait(false);
        }

        settle.ForEach(entity => batch.Set(entity.Id, new FlushResult(FlushOutcome.Saved)));
        foreach (var entity in moved)
        {
            batch.Set(entity.Id, new FlushResult(FlushOutcome.Moved));
        }

        if (moved.Count > 0)
        {
            try
            {
                await buffer.RestampAsync(claim.Shard, claim.At, moved, CancellationToken.None).ConfigureAwait(false);
            }
            catch (BufferUnavailableException)
            {
                // A Redis that is full, perhaps. They stay due with their old age, and are flushed again a little early.
            }
        }
    }

    private async Task<FlushResult> RejectAsync(int shard, ClaimedEntity entity, Exception error)
    {
        var (attempts, firstAt, isLast) = ledger.Reject(entity.Id);
        FlushLog.Rejected(logger, options.Type, entity.Id, entity.Version, attempts, error.Message);
        if (!isLast)
        {
            return new FlushResult(FlushOutcome.Rejected, error, entity.Version);
        }

        var dead = await letters.SetAsideAsync(shard, entity, DeadLetterReason.Rejected, error, attempts, firstAt).ConfigureAwait(false);
        return new FlushResult(dead ? FlushOutcome.Dead : FlushOutcome.Overtaken, error, entity.Version);
    }

    /// <summary>
    /// Gives back what was not settled, so that it need not wait for the lease to end. Not where a save may still be under way.
    /// </summary>
    private async Task GiveBackAsync(ShardClaim[] claims, FlushBatch batch, bool doubt)
    {
        if (doubt)
        {
            return;
        }

        try
        {
            await Task.WhenAll(claims
                .Where(claim => claim.Entities.Any(entity => entity.Status == ClaimStatus.Claimed && !batch.IsSettled(entity.Id)))
                .Select(claim => buffer.ReleaseAsync(claim, CancellationToken.None))).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            // The lease ends by itself.
        }
    }

    private ValueTask ReachAsync(ProtocolStep step, IReadOnlyList<string> ids)
        => gate is OpenGate ? default : gate.ReachAsync(step, options.Type, ids, CancellationToken.None);
}

/// <summary>A <see cref="BatchFlusher{TState}"/> for those who need not know the state type.</summary>
internal interface IBatchFlusher
{
    /// <inheritdoc cref="BatchFlusher{TState}.FlushAsync" />
    Task<FlushResult[]> FlushAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken);
}
