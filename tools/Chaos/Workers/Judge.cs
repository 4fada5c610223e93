using System.Globalization;
using Chaos.Checks;
using Chaos.Faults;
using Chaos.Histories;

namespace Chaos.Workers;

/// <summary>Judges a run by its history, the rows in the end and the changes that led there.</summary>
internal static class Judge
{
    /// <summary>An entry's time, from when it was stored: after its load, and what Redis took for it.</summary>
    private static readonly TimeSpan OldestValue = Terms.CacheTtl + Terms.LoadTimeout + (2 * Place.RedisTimeout);

    private static readonly string[] Types = ["chain", "register", "sum"];

    private static readonly TimeSpan RemovedSoon = (3 * Terms.SyncInterval) + TimeSpan.FromSeconds(1);

    public static async Task<List<Finding>> RunAsync(Place place, History history, IReadOnlyList<string> letters)
    {
        var losses = place.Losses;
        var chains = await place.RowsAsync("chains", "\"Items\"");
        var registers = await place.RowsAsync("registers", "\"Value\"");
        var sums = await place.RowsAsync("sums", "\"Value\"");
        List<Finding> findings = [.. history.Strange.Select(static what => new Finding("errors are typed", "caller", what))];

        var lists = history.ByKey(Operations.Append, Operations.AppendThrough, Operations.AppendOnce, Operations.ReadList);
        findings.AddRange(lists.SelectMany(list => ListCheck.Run(list.Key, [.. list], chains.GetValueOrDefault(list.Key), losses)));
        findings.AddRange(ListCheck.Clean([.. history.Events.Where(static call => call.Operation == Operations.FlushAll)], lists, losses));
        findings.AddRange(
            history.ByKey(Operations.Put, Operations.Swap, Operations.Delete, Operations.Read)
                .Where(static calls => calls.Key.StartsWith("register-", StringComparison.Ordinal))
                .SelectMany(calls => RegisterCheck.Run(calls.Key, [.. calls], registers.GetValueOrDefault(calls.Key), losses)));
        findings.AddRange(
            history.ByKey(Operations.Add).SelectMany(adds => SumCheck.Run(
                adds.Key, [.. adds], long.Parse(sums.GetValueOrDefault(adds.Key, "0"), CultureInfo.InvariantCulture), losses)));
        findings.AddRange(
            from call in history.Events
            where call is { IsOk: true, Operation: Operations.DeleteForGood } && registers.ContainsKey(call.Key)
                && !losses.MayTake(call)
            select new Finding("what is deleted stays deleted", call.Key, "its row is there"));
        findings.AddRange(Letters(history, registers, letters, losses));
        findings.AddRange(
            AuditCheck.Run((await place.ChangesAsync())
                .Where(static change => !change.Id.StartsWith("raised-", StringComparison.Ordinal)), losses));
        findings.AddRange(
            history.ByKey(Operations.ReadCache, Operations.RemoveFromCache)
                .SelectMany(calls => ServiceCheck.Cache(calls.Key, [.. calls], OldestValue, RemovedSoon, losses)));
        findings.AddRange(
            ServiceCheck.Limit(
                history.Events.Where(static call => call.Operation == Operations.Acquire), Terms.Permits, Terms.Window, losses));
        findings.AddRange(losses.Told(history.Events));
        return findings;
    }

    /// <summary>
    /// A write that met a row which another program had raised before its flush is in a dead letter; and nothing else is, but what was
    /// written when Redis lost something.
    /// </summary>
    private static IEnumerable<Finding> Letters(
        History history, Dictionary<string, string> registers, IReadOnlyList<string> letters, Losses losses)
    {
        var told = letters.ToHashSet();
        var allowed = new HashSet<string>();
        foreach (var call in history.Events.Where(static call => call.Operation == Operations.WriteRaised))
        {
            var isRaised = call is { IsOk: true, Result: "1" };
            if (isRaised || call.Outcome == Outcome.Unknown)
            {
                allowed.Add($"register/{call.Key}");
            }

            if (isRaised && registers.GetValueOrDefault(call.Key) == "raised"
                && !told.Contains($"register/{call.Key}") && !losses.MayTake(call))
            {
                yield return new("a write is kept or told of", call.Key, "its row was raised, and there is no dead letter");
            }
        }

        allowed.UnionWith(history.Events.Where(losses.MayTake).SelectMany(
            static call => Types.Select(type => $"{type}/{call.Key}")));
        foreach (var letter in told.Except(allowed))
        {
            yield return new("a write is kept or told of", letter, "there is a dead letter");
        }
    }
}
