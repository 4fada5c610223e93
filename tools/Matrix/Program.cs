using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Matrix;
using WriteBehind;

// run RESULTS: the contract and a short main job on every combination of servers; what came of it is added to a file, if one is named.
// page RESULTS PAGE: writes the page from that file.
// Exit code: 0 where all came to what is expected, else 1.
if (args is ["page", var from, var to])
{
    var all = (await File.ReadAllLinesAsync(from)).Select(static line => JsonSerializer.Deserialize<Run>(line)!).ToList();
    await File.WriteAllTextAsync(to, Page(all));
    return 0;
}

var results = new List<Result>();
foreach (var cell in Cells.All)
{
    Console.Write($"{cell.Name} … ");
    var result = await RunAsync(cell);
    results.Add(result);
    Console.WriteLine($"{result.Outcome} {result.Detail}");
}

var run = new Run(
    $"{DateTime.UtcNow:yyyy-MM-dd}",
    VersionOf(typeof(StackExchange.Redis.ConnectionMultiplexer)),
    VersionOf(typeof(Npgsql.NpgsqlConnection)),
    results);
if (args is ["run", var file])
{
    await File.AppendAllLinesAsync(file, [JsonSerializer.Serialize(run)]);
}

Console.WriteLine($"{run.Expected} as expected, {results.Count - run.Expected} not ({run.Libraries})");
return run.Expected == results.Count ? 0 : 1;

static async Task<Result> RunAsync(Cell cell)
{
    await using var place = await cell.StartAsync();
    await Engine.CreateTableAsync(place);
    var prefix = $"m{Random.Shared.Next(1, int.MaxValue)}";
    Engine first;
    try
    {
        first = await Engine.StartAsync(place, prefix);
    }
    catch (WriteBehindException e)
    {
        var isExpected = cell.Refused is { } sentence && e.Message.Contains(sentence, StringComparison.Ordinal);
        return new(cell.Name, cell.Setting, isExpected ? "refused at start" : "REFUSED", e.Message, isExpected);
    }

    await using var one = first;
    await using var second = await Engine.StartAsync(place, prefix);
    foreach (var (name, check) in Contract.All)
    {
        try
        {
            await check(first);
        }
#pragma warning disable CA1031 // Whatever it is, it is what the page says.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return new(cell.Name, cell.Setting, "FAILED", $"{name}: {e.Message}", false);
        }
    }

    try
    {
        var written = await Contract.RunJobAsync(place, first, second, "job");
        return new(
            cell.Name,
            cell.Setting,
            cell.Setting.Length == 0 ? "works" : "works with a setting",
            $"{written:N0} changes",
            cell.Refused is null);
    }
#pragma warning disable CA1031 // As above.
    catch (Exception e)
#pragma warning restore CA1031
    {
        return new(cell.Name, cell.Setting, "FAILED", $"main job: {e.Message}", false);
    }
}

static string Page(IReadOnlyList<Run> runs)
{
    var page = new StringBuilder();
    page.AppendLine("# Compatibility").AppendLine()
        .AppendLine("Written by `./matrix.sh`, which starts each of these servers and lets the engine run on it: " +
            $"{Contract.All.Count} checks of what it promises, and two processes")
        .AppendLine("that add to the same counters, whose rows are exact in the end.").AppendLine()
        .AppendLine(CultureInfo.InvariantCulture, $"Last run on {runs[0].Day}, with {runs[0].Libraries}.")
        .AppendLine().AppendLine("| servers | outcome | setting, or why |").AppendLine("|---|---|---|");
    foreach (var (name, setting, outcome, detail, _) in runs[0].Results)
    {
        var why = outcome.StartsWith("works", StringComparison.Ordinal) ? setting : detail.ReplaceLineEndings(" ");
        page.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {outcome} | {Anonymous(why)} |");
    }

    if (runs.Count > 1)
    {
        page.AppendLine().AppendLine("All of them once more, with other versions of the libraries:").AppendLine()
            .AppendLine("| with | as above |").AppendLine("|---|---|");
        foreach (var other in runs.Skip(1))
        {
            var same = other.Results.Zip(runs[0].Results).Count(static pair => pair.First.Outcome == pair.Second.Outcome);
            page.AppendLine(CultureInfo.InvariantCulture, $"| {other.Libraries} ({other.Day}) | {same} of {other.Results.Count} |");
        }
    }

    page.AppendLine().AppendLine("The checks:").AppendLine();
    foreach (var (name, _) in Contract.All)
    {
        page.AppendLine(CultureInfo.InvariantCulture, $"- {name}");
    }

    return page.ToString();
}

// Ports are new in each run.
static string Anonymous(string text) => Regex.Replace(text, @"127\.0\.0\.1:\d+", "127.0.0.1:…");

static string VersionOf(Type type)
    => type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

/// <summary>What came of one combination of servers.</summary>
internal sealed record Result(string Name, string Setting, string Outcome, string Detail, bool IsExpected);

/// <summary>What came of all of them, with these libraries.</summary>
internal sealed record Run(string Day, string StackExchangeRedis, string Npgsql, IReadOnlyList<Result> Results)
{
    public int Expected => Results.Count(static result => result.IsExpected);

    public string Libraries => $"StackExchange.Redis {StackExchangeRedis} and Npgsql {Npgsql}";
}
