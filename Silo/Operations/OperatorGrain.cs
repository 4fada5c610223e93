using System.Text;
using System.Text.Json;
using Orleans.Concurrency;
using Silo.Contracts.Operations;
using WriteBehind;

namespace Silo.Operations;

/// <summary>
/// The operator's door into the cluster, on whatever silo is asked: the backlog is in Redis, so any engine can flush it, list it and
/// mend it. Only the counters are each silo's own.
/// </summary>
[StatelessWorker]
[Reentrant]
internal sealed partial class OperatorGrain(
    IWriteBehindEngine engine, IStatusServiceClient statuses, ISiloStatusOracle oracle,
    ILogger<OperatorGrain> logger) : Grain, IOperatorGrain
{
    // Both are shorter than callers wait: one silo that hangs must not make the others look as if they did.
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongestNote = TimeSpan.FromSeconds(2);

    public async Task<ClusterReport> GetStatusAsync()
    {
        var asked = ActiveSilos().Order().Select(silo => (Silo: silo, Report: TryGetAsync(silo))).ToList();
        var status = await engine.GetStatusAsync();
        var reports = (await Task.WhenAll(asked.Select(silo => silo.Report))).OfType<SiloReport>().ToList();

        // One that has gone meanwhile is left out. One that still counts as a member owns grains, and calls to them hang.
        var silent = asked.Where(silo => silo.Report.Result is null).Select(silo => silo.Silo).Intersect(ActiveSilos());
        return new ClusterReport(
            reports,
            [.. status.Types.OrderBy(type => type.Type, StringComparer.Ordinal).Select(type => Report(type, reports))],
            [.. silent.Select(Silence), .. Warnings(status.Durability)]);
    }

    public async Task<FlushSummary> FlushAsync(TimeSpan timeout)
    {
        var report = await engine.FlushAllAsync(timeout);
        var status = await engine.GetStatusAsync();
        return new FlushSummary(
            report.Flushed,
            report.Remaining,
            [.. report.Rejected.Select(entity => $"{entity.Type} {entity.Id}")],
            status.Durability.Reachable
                ? status.Types.Where(type => type.Dirty > 0).ToDictionary(type => type.Type, type => type.Dirty)
                : null,
            report.Uncounted);
    }

    public async Task FlushAsync(string type, string id, TimeSpan timeout)
    {
        try
        {
            await engine.FlushAsync(type, id, timeout).WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            // The engine does not give up a batch half-way; the caller is not to wait for that.
            throw new FlushIncompleteException(type, id, timeout, "the batch that it is in is not saved yet.");
        }
    }

    public async Task<IReadOnlyList<DeadLetterInfo>> ListDeadAsync(string type, int limit)
        => [.. (await engine.DeadLetters.ListAsync(type, limit)).Select(Info)];

    public async Task<DeadLetterContent?> ShowDeadAsync(string type, string id)
        => await engine.DeadLetters.ShowAsync(type, id) is { } found
            ? new DeadLetterContent(Info(found.Letter), found.IsDelete, found.Payload is { } payload ? Text(payload) : null)
            : null;

    public async Task<long> RetryDeadAsync(string type, string? id)
    {
        var count = id is null ? await engine.DeadLetters.RetryAllAsync(type) : await engine.DeadLetters.RetryAsync(type, id) ? 1 : 0;
        if (count > 0)
        {
            await NoteAsync($"dead retry {type} {id ?? "(all)"}: {count}");
        }

        return count;
    }

    public async Task<bool> DiscardDeadAsync(string type, string id)
    {
        var isDiscarded = await engine.DeadLetters.DiscardAsync(type, id);
        if (isDiscarded)
        {
            await NoteAsync($"dead discard {type} {id}");
        }

        return isDiscarded;
    }

    public Task<IReadOnlyList<JournalEntry>> ReadJournalAsync() => Journal.ReadAsync();

    public async Task<bool> NoteAsync(string action)
    {
        try
        {
            await Journal.AddAsync(action).WaitAsync(LongestNote);
            return true;
        }
        catch (Exception e)
        {
            // What is noted has been done. Its caller must not take it for failed, and do it again.
            NotNoted(logger, e, action);
            return false;
        }
    }

    private IJournalGrain Journal => GrainFactory.GetGrain<IJournalGrain>(0);

    // As this silo knows them: asking a grain would mean to wait where that one is on a silo that hangs.
    private HashSet<SiloAddress> ActiveSilos() => [.. oracle.GetApproximateSiloStatuses(onlyActive: true).Keys];

    private string Silence(SiloAddress silo)
    {
        var name = oracle.TryGetSiloName(silo, out var known) ? known : "a silo";
        return $"{name} at {silo.Endpoint} does not answer, and is not declared dead (yet): "
            + "calls to its grains wait. Rates lack its share.";
    }

    private async Task<SiloReport?> TryGetAsync(SiloAddress silo)
    {
        try
        {
            return await statuses.GetAsync(silo).WaitAsync(LongestAnswer);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return null;
        }
    }

    private static TypeReport Report(TypeStatus type, IEnumerable<SiloReport> silos)
        => new(
            type.Type, type.Dirty, type.OldestDirtyAge, type.MaxAge, type.MaxDirty, type.DeadLetters, type.LastError,
            RateReport.Sum(silos.SelectMany(silo => silo.Rates).Where(rates => rates.Key == type.Type).Select(rates => rates.Value)));

    private static DeadLetterInfo Info(DeadLetter letter)
        => new(letter.Id, letter.Version, letter.Reason.ToString(), letter.Error, letter.Attempts, letter.SetAsideAt);

    private static IEnumerable<string> Warnings(DurabilityStatus durability)
    {
        if (durability.Shards is { Reason: { } reason } shards)
        {
            yield return shards.AnyTakesWrites
                ? $"Of {shards.All} shards {shards.Away} do not answer and {shards.Refusing} take no writes. {reason}"
                : $"No write can be acknowledged. {reason}";
        }

        if (!durability.Reachable)
        {
            yield return "Redis does not answer, or not for every shard: the backlog is what was known last, and its age grows from that.";
        }

        foreach (var warning in durability.Warnings)
        {
            yield return warning;
        }

        if (durability.EmptiedAt is { } at)
        {
            yield return $"Redis came back empty at {at:u}: what was not flushed before is lost.";
        }

        if (durability.WentBackAt is { } back)
        {
            yield return $"Redis went back to an older state, as was seen at {back:u}: what was not flushed since that state is lost.";
        }
    }

    private static string Text(ReadOnlyMemory<byte> payload)
    {
        try
        {
            using var json = JsonDocument.Parse(payload);
            return Encoding.UTF8.GetString(payload.Span);
        }
        catch (JsonException)
        {
            return Convert.ToBase64String(payload.Span);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Done, but the journal could not take it: {Action}")]
    private static partial void NotNoted(ILogger logger, Exception error, string action);
}
