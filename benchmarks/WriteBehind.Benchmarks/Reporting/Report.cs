using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using WriteBehind.Benchmarks.Measuring;

namespace WriteBehind.Benchmarks.Reporting;

/// <summary>Collects what is measured, prints it group by group and writes the JSON.</summary>
public sealed class Report(Machine machine, bool isQuick)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly long _started = TimeProvider.System.GetTimestamp();
    private readonly List<Measurement> _results = [];
    private readonly List<Goal> _goals = [];
    private IBenchmarkGroup? _group;

    public void Add(Measurement measurement) => _results.Add(measurement);

    public void Add(Goal goal) => _goals.Add(goal);

    public static void Progress(string text)
    {
        // Only for somebody who looks on: a file that takes the table should hold no more than that.
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write($"\r\e[K{text}");
        }
    }

    public void WriteHeader()
    {
        foreach (var (name, value) in machine.Facts)
        {
            Say($"{name + ":",-14}{value}");
        }

        Say(
            $"{"settings:",-14}{(isQuick ? "quick" : "full")} run; turns alternate, medians are shown; "
            + "spread is largest less smallest turn over the median");
    }

    public void Begin(IBenchmarkGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        _group = group;
        Progress("");
        Say("", $"{group.Number}. {group.Title}");
    }

    public void End()
    {
        Progress("");
        Say(TextTable.Of(_group!.Unit, _results.Where(result => result.Group == _group.Number)));
        Say([.. _goals.Where(goal => goal.Group == _group.Number).Select(Line)]);
    }

    public void WriteFooter()
    {
        var missed = _goals.Where(goal => !goal.IsMet).ToArray();
        var seconds = TimeProvider.System.GetElapsedTime(_started).TotalSeconds;
        Say("", $"{_goals.Count - missed.Length} of {_goals.Count} goals are met. {seconds:0} s.");
        Say([.. missed.Select(goal => $"  group {goal.Group}: {Line(goal).Trim()}")]);
    }

    public Task SaveAsync(Stream file) => JsonSerializer.SerializeAsync(
        file, new ReportDocument(machine.Facts, isQuick ? "quick" : "full", _results, _goals), Json);

    public static async Task<ReportDocument> LoadAsync(FileInfo file)
    {
        ArgumentNullException.ThrowIfNull(file);
        await using var stream = file.OpenRead();
        return await JsonSerializer.DeserializeAsync<ReportDocument>(stream, Json)
            ?? throw new InvalidDataException("The file holds no report.");
    }

    private static string Line(Goal goal) => $"  goal {(goal.IsMet ? "met   " : "MISSED")}: {goal.Text}: {goal.Measured}";

    private static void Say(params string[] lines)
    {
        foreach (var line in lines)
        {
            Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
        }
    }
}
