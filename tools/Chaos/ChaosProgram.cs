using System.Diagnostics;
using System.Text.Json;
using Chaos.Checks;

namespace Chaos;

/// <summary>What came of a run.</summary>
/// <param name="Seed">Repeats it.</param>
/// <param name="Seconds">How long things went wrong.</param>
/// <param name="Faults">How often each fault happened.</param>
/// <param name="Calls">How many calls there were, by outcome.</param>
/// <param name="SecondsToClean">How long after the last fault everything was flushed.</param>
/// <param name="Findings">What should not have happened.</param>
internal sealed record ChaosResult(
    int Seed,
    double Seconds,
    IReadOnlyDictionary<string, int> Faults,
    IReadOnlyDictionary<string, int> Calls,
    double SecondsToClean,
    IReadOnlyList<Finding> Findings);

/// <summary>Runs chaos and says what came of it.</summary>
internal static class ChaosProgram
{
    private const int MostShown = 20;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <returns>0 where nothing was found, else 1.</returns>
    public static async Task<int> RunAsync(ChaosArguments arguments)
    {
        var started = Stopwatch.GetTimestamp();
        void Tell(string what) => Console.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds,7:0.0} s  {what}");
        Console.WriteLine(
            $"seed {arguments.Seed}, {arguments.Time.TotalSeconds:0} s, {(arguments.IsOfSilos ? "silos" : "engine")}" +
            (arguments.Topology == default ? "" : $", {arguments.Topology.ToString().ToLowerInvariant()}") +
            (arguments.Mutant is { } mutant ? $", mutant {mutant}" : ""));
        ChaosResult result;
        try
        {
            result = await ChaosRun.RunAsync(arguments, arguments.IsVerbose ? Tell : static _ => { });
        }
        catch (TimeoutException e)
        {
            Console.WriteLine($"FOUND does not go on: {e}");
            return 1;
        }

        if (arguments.Json is { } file)
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(result, Indented));
        }

        Console.WriteLine($"{result.Faults.Values.Sum()} faults: {Counts(result.Faults)}");
        Console.WriteLine($"{result.Calls.Values.Sum()} calls: {Counts(result.Calls)}");
        Console.WriteLine($"everything flushed {result.SecondsToClean:0.0} s after the last fault");
        foreach (var finding in result.Findings.Take(MostShown))
        {
            Console.WriteLine($"FOUND {finding.Check}: {finding.Key}: {finding.What}");
        }

        Console.WriteLine(
            result.Findings.Count == 0
                ? "nothing found"
                : $"{result.Findings.Count} found; --seed {arguments.Seed} draws the same faults and calls");
        return result.Findings.Count == 0 ? 0 : 1;
    }

    private static string Counts(IReadOnlyDictionary<string, int> counts)
        => string.Join(", ", counts.OrderByDescending(static count => count.Value).Select(static count => $"{count.Value} {count.Key}"));
}
