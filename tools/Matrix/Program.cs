using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Matrix;
using WriteBehind;

// Runs the contract and a short main job on every combination of servers. With a file name it writes the page as well.
// Exit code: 0 where all came to what is expected, else 1.
var results = new List<(Cell Cell, string Outcome, string Detail, bool IsExpected)>();
foreach (var cell in Cells.All)
{
    Console.Write($"{cell.Name} … ");
    var result = await RunAsync(cell);
    results.Add(result);
    Console.WriteLine($"{result.Outcome} {result.Detail}");
}

if (args is [var file])
{
    await File.WriteAllTextAsync(file, Page(results));
}

var failed = results.Count(static result => !result.IsExpected);
Console.WriteLine($"{results.Count - failed} as expected, {failed} not");
return failed == 0 ? 0 : 1;

static async Task<(Cell Cell, string Outcome, string Detail, bool IsExpected)> RunAsync(Cell cell)
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
        return (cell, isExpected ? "refused at start" : "REFUSED", e.Message, isExpected);
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
            return (cell, "FAILED", $"{name}: {e.Message}", false);
        }
    }

    try
    {
        var written = await Contract.RunJobAsync(place, first, second, "job");
        return (cell, cell.Setting.Length == 0 ? "works" : "works with a setting", $"{written:N0} changes", cell.Refused is null);
    }
#pragma warning disable CA1031 // As above.
    catch (Exception e)
#pragma warning restore CA1031
    {
        return (cell, "FAILED", $"main job: {e.Message}", false);
    }
}

static string Page(IEnumerable<(Cell Cell, string Outcome, string Detail, bool IsExpected)> results)
{
    var page = new StringBuilder();
    page.AppendLine("# Compatibility").AppendLine()
        .AppendLine("Written by `./matrix.sh`, which starts each of these servers and lets the engine run on it: " +
            $"{Contract.All.Count} checks of what it promises, and two processes")
        .AppendLine("that add to the same counters, whose rows are exact in the end.").AppendLine()
        .AppendLine(CultureInfo.InvariantCulture, $"Last run on {DateTime.UtcNow:yyyy-MM-dd}, with StackExchange.Redis " +
            $"{VersionOf(typeof(StackExchange.Redis.ConnectionMultiplexer))} and Npgsql {VersionOf(typeof(Npgsql.NpgsqlConnection))}.")
        .AppendLine().AppendLine("| servers | outcome | setting, or why |").AppendLine("|---|---|---|");
    foreach (var (cell, outcome, detail, _) in results)
    {
        var why = outcome.StartsWith("works", StringComparison.Ordinal) ? cell.Setting : detail.ReplaceLineEndings(" ");
        page.AppendLine(CultureInfo.InvariantCulture, $"| {cell.Name} | {outcome} | {Anonymous(why)} |");
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
