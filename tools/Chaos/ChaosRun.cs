using System.Diagnostics;
using System.Globalization;
using Chaos.Checks;
using Chaos.Faults;
using Chaos.Silos;
using Chaos.Workers;
using Npgsql;
using WriteBehind.TestTools;

namespace Chaos;

/// <summary>
/// Processes that are written to, faults beside them, and in the end the judgement: once the faults are over everything becomes clean by
/// itself, and all that callers were told is true.
/// </summary>
internal static class ChaosRun
{
    private const long MostBytes = 1L << 30;

    /// <summary>Four flushes, four look-ups, and of each some whose end the server has not heard of yet.</summary>
    private const int MostConnections = 30;

    /// <summary>More than a silo's membership takes to notice that another one does not answer.</summary>
    private const double Death = 7;

    /// <summary>A lease that nobody gave back, an age, pauses after failures; and a machine that stands still.</summary>
    private static readonly TimeSpan LongestToClean = TimeSpan.FromSeconds(60);

    public static async Task<ChaosResult> RunAsync(ChaosArguments arguments, Action<string> tell)
    {
        var folder = Directory.CreateTempSubdirectory("writebehind-chaos-");
        try
        {
            await using var place = await Place.StartAsync(arguments.Topology);
            await using ISubject subject = arguments.IsOfSilos
                ? new SiloCluster(place, folder.FullName, arguments.Seed)
                : new Engines(place, folder.FullName, arguments.Seed);
            try
            {
                return await RunAsync(arguments, place, subject, folder.FullName, tell);
            }
            finally
            {
                if (arguments.IsVerbose)
                {
                    await Task.WhenAll(subject.Victims.Select(
                        victim => File.WriteAllLinesAsync(Path.Combine(folder.FullName, $"{victim.Name}.log"), victim.Log)));
                    tell($"histories and logs are in {folder.FullName}");
                }
            }
        }
        finally
        {
            if (!arguments.IsVerbose)
            {
                folder.Delete(recursive: true);
            }
        }
    }

    private static async Task<ChaosResult> RunAsync(
        ChaosArguments arguments, Place place, ISubject subject, string folder, Action<string> tell)
    {
        var nemesis = new Nemesis(LanesOf(arguments, place, subject), arguments.Seed, tell);
        await subject.StartAsync();
        tell("the faults begin");
        var uses = new List<ProcessUse>();
        using (var stop = new CancellationTokenSource(arguments.Time))
        {
            await Task.WhenAll(nemesis.RunAsync(stop.Token), WatchAsync(place, subject.Victims, uses, stop.Token));
        }

        tell("the faults are over");
        await subject.EndLoadAsync();
        var (toClean, letters) = await BecomeCleanAsync(subject);
        tell(toClean is null ? "not all is flushed" : "everything is flushed");
        await Task.WhenAll(subject.Victims.Select(static victim => victim.StopAsync()));
        var (calls, findings) = await subject.JudgeAsync(folder, letters);
        if (toClean is null)
        {
            findings.Add(new("becomes clean by itself", "all", $"not within {LongestToClean.TotalSeconds} s"));
        }

        findings.AddRange(
            subject.Victims.SelectMany(static victim => victim.Stops).SelectMany(stop => ServiceCheck.Stop(stop, subject.LongestStop)));
        findings.AddRange(uses.SelectMany(static use => ServiceCheck.Use(use, MostBytes, MostConnections)));
        return new(
            arguments.Seed,
            arguments.Time.TotalSeconds,
            nemesis.Counts,
            calls.CountBy(static call => call.Outcome.ToString()).ToDictionary(),
            toClean?.TotalSeconds ?? -1,
            findings);
    }

    private static List<Lane> LanesOf(ChaosArguments arguments, Place place, ISubject subject)
    {
        Lane[] all =
        [
            ProcessFaults.Of(subject.Victims, arguments.IsOfSilos ? Death : null), RedisFaults.Of(place),
            PostgresFaults.Of(place, subject.Tables), NetworkFaults.Of(place, 1), NetworkFaults.Of(place, 2),
            .. arguments.HasLosses ? [RedisFaults.Losing(place)] : Array.Empty<Lane>(), .. TopologyFaults.Of(place),
        ];
        List<Lane> some =
        [
            .. all.Select(lane => lane with { Faults = [.. lane.Faults.Where(fault => IsWanted(fault.Name))] })
                .Where(static lane => lane.Faults.Count > 0),
        ];
        return some.Count > 0 ? some : throw new UsageException($"No fault is called {string.Join(" or ", arguments.Faults)}.");

        bool IsWanted(string name)
            => arguments.Faults.Count == 0 || arguments.Faults.Any(part => name.Contains(part, StringComparison.Ordinal));
    }

    /// <summary>Looks at what the processes use.</summary>
    private static async Task WatchAsync(Place place, IReadOnlyList<IVictim> victims, List<ProcessUse> uses, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(TimeSpan.FromSeconds(1), stop);
                var connections = (await place.ReadAsync(
                    "SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1",
                    static row => (row.GetString(0), row.GetInt64(1)))).ToDictionary();
                uses.AddRange(
                    from victim in victims.Index()
                    let id = victim.Item.Id
                    where id.HasValue
                    select new ProcessUse(
                        victim.Item.Name, BytesOf(id.Value), (int)connections.GetValueOrDefault(Place.NameOf(victim.Index))));
            }
            catch (Exception e) when (e is OperationCanceledException or NpgsqlException or IOException)
            {
                // PostgreSQL is away, or the process.
            }
        }
    }

    private static long BytesOf(int process)
    {
        const string Resident = "VmRSS:";
        var line = File.ReadLines($"/proc/{process}/status")
            .FirstOrDefault(static line => line.StartsWith(Resident, StringComparison.Ordinal));
        return line is null
            ? 0
            : long.Parse(line[Resident.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) << 10;
    }

    /// <summary>Nobody asks for a flush: the sweeps have to find all.</summary>
    private static async Task<(TimeSpan? Time, IReadOnlyList<string> Letters)> BecomeCleanAsync(ISubject subject)
    {
        var began = Stopwatch.GetTimestamp();
        IReadOnlyList<string> letters = [];
        try
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    var left = await subject.StatusAsync();
                    letters = left?.Letters ?? letters;
                    return left is { Dirty: 0 };
                },
                LongestToClean);
            return (Stopwatch.GetElapsedTime(began), letters);
        }
        catch (TimeoutException)
        {
            return (null, letters);
        }
    }
}
