using System.CommandLine;
using System.Globalization;
using Client.Verification;
using Proof;

namespace Client.Commands;

/// <summary><c>verify</c>: compares grains, Redis and PostgreSQL.</summary>
internal static class VerifyCommand
{
    private const int Shown = 20;

    private static readonly Argument<string[]> Types = new("types")
    {
        Description = "Which types; default all: stock, score, views.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    public static Command Make() => ClusterCommands.Make(
        new(
            "verify",
            "Compares grains, Redis and PostgreSQL, entity by entity; also under load. Activates the grain of every entity. " +
            "WRITEBEHIND_POSTGRES names the database, WriteBehind__KeyPrefix what the silos' keys in Redis begin with (default wb).")
        {
            Types,
        },
        RunAsync);

    private static async Task<int> RunAsync(Call call)
    {
        var kinds = Choose(call.Arguments.GetValue(Types) ?? []);
        await using var verify = await Verify.OpenAsync(call.Cluster, ProofSession.Setting("WRITEBEHIND_POSTGRES"), call.Stop);
        var (counts, mismatches) = await verify.CompareAllAsync(kinds, call.Stop);

        call.Printer.Show(new { entities = counts, mismatches }, printer =>
        {
            foreach (var mismatch in mismatches.Take(Shown))
            {
                printer.Line($"{mismatch.Id}: {mismatch.Difference}");
            }

            if (mismatches.Count > Shown)
            {
                printer.Line(string.Create(CultureInfo.InvariantCulture, $"and {mismatches.Count - Shown:N0} more"));
            }

            var compared = string.Join(
                ", ", counts.Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Value:N0} {count.Key}")));
            printer.Line(mismatches.Count == 0 ? $"VERIFIED: {compared}." : $"FAILED: {mismatches.Count} differ of {compared}.");
        });
        return mismatches.Count == 0 ? ExitCode.Verified : ExitCode.Failed;
    }

    private static IReadOnlyList<EntityKind> Choose(string[] names)
        => names.Length == 0 ? EntityKinds.All : [.. names.Distinct().Select(name =>
            EntityKinds.All.FirstOrDefault(kind => kind.Type == name)
                ?? throw new UsageException($"'{name}' is none of stock, score and views."))];
}
