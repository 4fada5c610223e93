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
    IHost host, IWriteBehindEngine engine, IStatusServiceClient statuses, ISiloStatusOracle oracle,
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

    public async Task<CommandOutcome> RunAsync(IReadOnlyList<string> arguments, string by)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        using var nobody = new Nobody();
        var done = new List<string>();
        var exitCode = await host.RunWriteBehindCommandsAsync(["writebehind", .. arguments], options =>
        {
            (options.By, options.Output, options.Error, options.Input) = (by, output, errors, nobody);
            options.Noted = done.Add;
        });
        foreach (var action in done)
        {
            await NoteAsync($"{action} ({by})");
        }

        return new CommandOutcome(exitCode ?? 0, output.ToString(), errors.ToString(), nobody.IsAsked);
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

    /// <summary>
    /// Who is asked for a confirmation: the operator is elsewhere, and the answer is no until they have seen the question.
    /// </summary>
    private sealed class Nobody() : StringReader("")
    {
        public bool IsAsked { get; private set; }

        public override ValueTask<string?> ReadLineAsync(CancellationToken cancellationToken)
        {
            IsAsked = true;
            return base.ReadLineAsync(cancellationToken);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Done, but the journal could not take it: {Action}")]
    private static partial void NotNoted(ILogger logger, Exception error, string action);
}
