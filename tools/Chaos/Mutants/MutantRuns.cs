using System.Globalization;
using System.Text.Json;

namespace Chaos.Mutants;

/// <summary>Runs mutants until they are found.</summary>
internal static class MutantRuns
{
    /// <summary>How often each is tried, with one seed after the other.</summary>
    private const int Tries = 10;

    /// <summary>How long each try lasts.</summary>
    private const int Seconds = 15;

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

    /// <summary>Runs all of them, each until it is found.</summary>
    /// <returns>0 where all were found, else 1.</returns>
    public static async Task<int> RunAllAsync(int seed)
    {
        var program = await MutantBuild.BuildAsync();
        var lines = new List<string>();
        var missed = 0;
        foreach (var mutant in Mutant.All)
        {
            var line = await FindAsync(program, mutant, seed);
            missed += line is null ? 1 : 0;
            lines.Add(line ?? $"{mutant.Name}: NOT FOUND in {Tries} runs of {Seconds} s, from seed {seed} on");
        }

        lines.ForEach(Console.WriteLine);
        return missed == 0 ? 0 : 1;
    }

    private static async Task<string?> FindAsync(string program, Mutant mutant, int seed)
    {
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
                var code = await MutantBuild.RunAsync(arguments);
                if (code == 1)
                {
                    var result = JsonSerializer.Deserialize<ChaosResult>(await File.ReadAllTextAsync(file))!;
                    var checks = result.Findings.CountBy(static finding => finding.Check)
                        .Select(static check => $"{check.Key} ({check.Value})");
                    return $"{mutant.Name}: found with seed {seed + i}, in {(i + 1) * Seconds} s: {string.Join(", ", checks)}";
                }
            }

            return null;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
