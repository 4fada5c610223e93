using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Chaos.Mutants;

/// <summary>What came of a mutant.</summary>
/// <param name="Mutant">Which.</param>
/// <param name="Without">What it is without.</param>
/// <param name="Under">The faults that it ran under.</param>
/// <param name="Seed">With which seed it was found; null where it was not.</param>
/// <param name="Runs">How many runs there were.</param>
/// <param name="Seconds">How long they took, servers and judgement included.</param>
/// <param name="Checks">Which checks found it, and how often.</param>
internal sealed record MutantResult(
    string Mutant, string Without, string Under, int? Seed, int Runs, double Seconds, IReadOnlyDictionary<string, int> Checks);

/// <summary>Runs mutants until they are found.</summary>
internal static class MutantRuns
{
    /// <summary>How often each is tried, with one seed after the other.</summary>
    private const int Tries = 10;

    /// <summary>How long each try lasts.</summary>
    private const int Seconds = 15;

    /// <summary>
    /// After this a try is given up and counts for nothing: it may hang for what the mutant lacks, or for the machine. Longer than what
    /// does not become clean is waited for.
    /// </summary>
    private static readonly TimeSpan LongestTry = TimeSpan.FromSeconds(180);

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Runs one, as it is asked for.</summary>
    public static async Task<int> RunAsync(ChaosArguments arguments, IReadOnlyList<string> all)
    {
        if (Mutant.All.All(mutant => mutant.Name != arguments.Mutant))
        {
            var names = string.Join(", ", Mutant.All.Select(static mutant => mutant.Name));
            throw new UsageException($"No mutant is called {arguments.Mutant}; they are {names}.");
        }

        return await MutantBuild.RunAsync([await MutantBuild.BuildAsync(), .. all]);
    }

    /// <summary>Runs all of them, each until it is found, and says what came of it.</summary>
    /// <returns>0 where all were found, else 1.</returns>
    public static async Task<int> RunAllAsync(ChaosArguments arguments)
    {
        var program = await MutantBuild.BuildAsync();
        var results = new List<MutantResult>();
        foreach (var mutant in Mutant.All)
        {
            results.Add(await FindAsync(program, mutant, arguments.Seed));
        }

        Console.WriteLine($"{"mutant",-14} {"seed",6} {"runs",5} {"s",6}  found by");
        foreach (var result in results)
        {
            var checks = result.Seed is null
                ? "NOT FOUND"
                : string.Join(", ", result.Checks.Select(static check => $"{check.Key} ({check.Value})"));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{result.Mutant,-14} {result.Seed,6} {result.Runs,5} {result.Seconds,6:0}  {checks}"));
        }

        if (arguments.Json is { } file)
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(results, Indented));
        }

        return results.TrueForAll(static result => result.Seed is not null) ? 0 : 1;
    }

    private static async Task<MutantResult> FindAsync(string program, Mutant mutant, int seed)
    {
        var began = Stopwatch.GetTimestamp();
        var file = Path.GetTempFileName();
        try
        {
            for (var i = 0; i < Tries; i++)
            {
                string[] arguments =
                [
                    program, "--seconds", Text(Seconds), "--seed", Text(seed + i), "--mutant", mutant.Name, "--json", file,
                    "--faults", mutant.Faults,
                ];
                var code = await MutantBuild.RunAsync(arguments, LongestTry);
                if (code == 1 && await ChecksAsync(file) is { Count: > 0 } checks)
                {
                    return Result(seed + i, i + 1, checks);
                }
            }

            return Result(null, Tries, new Dictionary<string, int>());
        }
        finally
        {
            File.Delete(file);
        }

        MutantResult Result(int? found, int runs, IReadOnlyDictionary<string, int> checks)
            => new(mutant.Name, mutant.Without, mutant.Faults, found, runs, Stopwatch.GetElapsedTime(began).TotalSeconds, checks);
    }

    /// <summary>What was found; nothing where a run did not come to its end.</summary>
    private static async Task<IReadOnlyDictionary<string, int>> ChecksAsync(string file)
    {
        var text = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, "");
        return text.Length == 0
            ? new Dictionary<string, int>()
            : JsonSerializer.Deserialize<ChaosResult>(text)!.Findings.CountBy(static finding => finding.Check).ToDictionary();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
