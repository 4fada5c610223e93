using System.Text.Json;

namespace Chaos.Histories;

/// <summary>All calls of a run, and what was strange beside them.</summary>
internal sealed record History(IReadOnlyList<Event> Events, IReadOnlyList<string> Strange)
{
    /// <summary>The calls of these operations, by key.</summary>
    public ILookup<string, Event> ByKey(params string[] operations)
        => Events.Where(call => operations.Contains(call.Operation)).ToLookup(static call => call.Key);

    /// <summary>Reads what the processes of a run wrote. What was begun and not ended has an unknown outcome.</summary>
    public static History Read(string folder)
    {
        var open = new Dictionary<string, Event>();
        var events = new List<Event>();
        var strange = new List<string>();
        foreach (var line in Directory.EnumerateFiles(folder, "*.jsonl").Order(StringComparer.Ordinal).SelectMany(ReadLines))
        {
            if (line.Operation is { } operation)
            {
                var process = line.Id[..line.Id.LastIndexOf('/')];
                open[line.Id] = new(process, operation, line.Key ?? "", line.Value ?? "", line.At, Event.Never, Outcome.Unknown);
            }
            else if (line.Outcome is not { } outcome)
            {
                strange.Add($"{line.Id}: {line.Result}");
            }
            else if (open.Remove(line.Id, out var begun))
            {
                // Nobody knows when a call of unknown outcome takes effect: that its caller was told so is no end.
                events.Add(begun with
                {
                    Ended = outcome == Outcome.Unknown ? Event.Never : line.At,
                    Outcome = outcome,
                    Result = line.Result ?? "",
                });
            }
        }

        return new([.. events.Concat(open.Values).OrderBy(static call => call.Began)], strange);
    }

    private static IEnumerable<HistoryLine> ReadLines(string file)
    {
        foreach (var text in File.ReadLines(file))
        {
            HistoryLine? line = null;
            try
            {
                line = JsonSerializer.Deserialize<HistoryLine>(text, HistoryLine.Options);
            }
            catch (JsonException)
            {
                // The last words of a process that was killed.
            }

            if (line is not null)
            {
                yield return line;
            }
        }
    }
}
