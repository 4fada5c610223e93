using System.Runtime.CompilerServices;
using Orleans.WriteBehind.Tests.Storage;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.States;

/// <summary>
/// Each shape of a member is tried with each serializer and on each path: it comes back equal, or is refused before it is acknowledged.
/// docs/states.md shows what became of it; <c>WRITEBEHIND_UPDATE_SNAPSHOTS=1</c> writes its table anew.
/// </summary>
public sealed class StatesPageTests(StorageSilo silo) : IClassFixture<StorageSilo>
{
    private const string Update = "WRITEBEHIND_UPDATE_SNAPSHOTS";
    private const string Begin = "<!-- What StatesPageTests found: -->\n", End = "<!-- end -->";
    private static readonly string[] Sound = ["comes back", "refused at", "goes the tracked path"];

    [Fact]
    public async Task Each_shape_comes_back_or_is_refused_and_the_page_says_which()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        (string Title, IShapeTrial Trial)[] trials =
        [
            ("bulk path", new BulkTrial(database)),
            ("tracked path", new TrackedTrial(database)),
            ("generic table", new GenericTrial(database)),
            ("storage provider", new ProviderTrial(silo, "carts")),
            ("the silo's JSON", new ProviderTrial(silo, "silo")),
            ("the silo's binary", new ProviderTrial(silo, "binary")),
        ];
        List<string> lines =
        [
            $"| a member | {string.Join(" | ", trials.Select(trial => trial.Title))} |",
            $"|---|{string.Concat(trials.Select(_ => "---|"))}",
        ];
        List<string> lost = [];
        foreach (var shape in Shape.All)
        {
            // Each database path by itself; the providers in a row, as each flushes all.
            var paths = trials[..3].Select(trial => Task.Run(() => shape.TryAsync(trial.Trial))).ToList();
            List<string> providers = [];
            foreach (var (_, trial) in trials[3..])
            {
                providers.Add(await shape.TryAsync(trial));
            }

            string[] row = [.. await Task.WhenAll(paths), .. providers];
            lines.Add($"| {shape.Name} | {string.Join(" | ", row)} |");
            lost.AddRange(trials.Zip(row)
                .Where(tried => !Sound.Any(sound => tried.Second.StartsWith(sound, StringComparison.Ordinal)))
                .Select(tried => $"{shape.Name}, {tried.First.Title}: {tried.Second}"));
        }

        Assert.True(lost.Count == 0, string.Join('\n', lost));
        Verify(string.Join('\n', lines) + "\n");
    }

    private static void Verify(string table, [CallerFilePath] string here = "")
    {
        var file = Path.Combine(Path.GetDirectoryName(here)!, "../../../docs/states.md");
        var page = File.ReadAllText(file);
        var (from, to) = (page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, page.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(file, page[..from] + table + page[to..]);
            Assert.Fail($"docs/states.md is written anew. Look at the difference, then run the test without {Update}.");
        }

        Assert.Equal(page[from..to], table);
    }
}
