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

    private static readonly TimeSpan RemovedSoon = (3 * Terms.SyncInterval) + TimeSpan.FromSeconds(1);

    public static async Task<List<Finding>> RunAsync(Place place, History history, long dead)
    {
        var chains = await place.RowsAsync("chains", "\"Items\"");
        var registers = await place.RowsAsync("registers", "\"Value\"");
        var sums = await place.RowsAsync("sums", "\"Value\"");
        List<Finding> findings = [.. history.Strange.Select(static what => new Finding("errors are typed", "caller", what))];

        var lists = history.ByKey(Operations.Append, Operations.AppendThrough, Operations.AppendOnce, Operations.ReadList);
        findings.AddRange(lists.SelectMany(list => ListCheck.Run(list.Key, [.. list], chains.GetValueOrDefault(list.Key))));
        findings.AddRange(ListCheck.Clean([.. history.Events.Where(static call => call.Operation == Operations.FlushAll)], lists));
        findings.AddRange(
            history.ByKey(Operations.Put, Operations.Swap, Operations.Delete, Operations.Read)
                .Where(static calls => calls.Key.StartsWith("register-", StringComparison.Ordinal))
                .SelectMany(calls => RegisterCheck.Run(calls.Key, [.. calls], registers.GetValueOrDefault(calls.Key))));
        findings.AddRange(
            history.ByKey(Operations.Add).SelectMany(adds => SumCheck.Run(
                adds.Key, [.. adds], long.Parse(sums.GetValueOrDefault(adds.Key, "0"), CultureInfo.InvariantCulture))));
        findings.AddRange(
            from call in history.Events
            where call is { IsOk: true, Operation: Operations.DeleteForGood } && registers.ContainsKey(call.Key)
            select new Finding("what is deleted stays deleted", call.Key, "its row is there"));
        findings.AddRange(Raised(history, registers, dead));
        findings.AddRange(
            AuditCheck.Run((await place.ChangesAsync())
                .Where(static change => !change.Id.StartsWith("raised-", StringComparison.Ordinal))));
        findings.AddRange(
            history.ByKey(Operations.ReadCache, Operations.RemoveFromCache)
                .SelectMany(calls => ServiceCheck.Cache(calls.Key, [.. calls], OldestValue, RemovedSoon)));
        findings.AddRange(
            ServiceCheck.Limit(history.Events.Where(static call => call.Operation == Operations.Acquire), Terms.Permits, Terms.Window));
        return findings;
    }

    /// <summary>
    /// A write that met a row which another program had raised is in a dead letter; as many as were raised before the flush, and no other
    /// entity has one.
    /// </summary>
    private static IEnumerable<Finding> Raised(History history, Dictionary<string, string> registers, long dead)
    {
        var calls = history.Events.Where(static call => call.Operation == Operations.WriteRaised).ToList();
        var told = calls.Count(call => call is { IsOk: true, Result: "1" } && registers.GetValueOrDefault(call.Key) == "raised");
        var most = told + calls.Count(static call => call.Outcome == Outcome.Unknown);
        if (dead < told || dead > most)
        {
            yield return new(
                "a write is kept or told of", "raised", $"{told} to {most} writes met a raised row, and there are {dead} dead letters");
        }
    }
}
