using System.Globalization;
using Chaos.Histories;

namespace Chaos.Checks;

/// <summary>
/// Lists that are only appended to. What was acknowledged is in the row exactly once, what failed is not, and the order fits real time:
/// nothing stands before what was over when it began. Each answer and each read fits the row in the end, so that no read ever went back.
/// What Redis may have lost, and nobody has seen since, may be missing.
/// </summary>
internal static class ListCheck
{
    public static IEnumerable<Finding> Run(string key, IReadOnlyList<Event> events, string? row, Losses losses)
    {
        string[] list = string.IsNullOrEmpty(row) ? [] : row.Split(',');
        var appends = Merge(events.Where(static call => call.Operation != Operations.ReadList));
        var places = new Dictionary<string, int>();
        for (var place = 0; place < list.Length; place++)
        {
            if (!places.TryAdd(list[place], place))
            {
                yield return new("exactly once", key, $"{list[place]} is in the list twice");
            }
            else if (!appends.ContainsKey(list[place]))
            {
                yield return new("nothing made up", key, $"{list[place]} was never appended");
            }
        }

        foreach (var append in appends.Values)
        {
            if (append.IsOk && !places.ContainsKey(append.Value) && !losses.MayTake(append))
            {
                yield return new("acknowledged is there", key, $"{append.Value} is missing, acknowledged to {append.Process}");
            }
            else if (append.Outcome == Outcome.Failed && places.ContainsKey(append.Value))
            {
                yield return new("failed is not there", key, $"{append.Value} is there, though {append.Process} was told that it failed");
            }
        }

        foreach (var finding in Order(key, list, appends).Concat(Answers(key, list, IsLost, events, losses)))
        {
            yield return finding;
        }

        bool IsLost(string element)
            => !places.ContainsKey(element) && appends.TryGetValue(element, out var append) && losses.MayTake(append);
    }

    /// <summary>Calls under one operation id are one call: from the first one's begin to the first answer.</summary>
    private static Dictionary<string, Event> Merge(IEnumerable<Event> calls)
        => calls.GroupBy(static call => call.Value).ToDictionary(static same => same.Key, static same =>
        {
            Event[] all = [.. same.OrderBy(static call => call.Began)];
            return all[0] with
            {
                Ended = all.Min(static call => call.IsOk ? call.Ended : Event.Never),
                Outcome = Array.Exists(all, static call => call.IsOk) ? Outcome.Ok
                    : Array.TrueForAll(all, static call => call.Outcome == Outcome.Failed) ? Outcome.Failed : Outcome.Unknown,
            };
        });

    private static IEnumerable<Finding> Order(string key, string[] list, Dictionary<string, Event> appends)
    {
        Event? first = null;
        for (var place = list.Length - 1; place >= 0; place--)
        {
            if (!appends.TryGetValue(list[place], out var append))
            {
                continue;
            }

            if (first is not null && first.IsBefore(append))
            {
                yield return new("real-time order", key, $"{append.Value} stands before {first.Value}, which was over when it began");
            }

            first = first is null || append.Ended < first.Ended ? append : first;
        }
    }

    /// <summary>
    /// How many elements each answer says there were: that many at least are there from then on (until Redis loses something), and these.
    /// </summary>
    private static IEnumerable<Finding> Answers(
        string key, string[] list, Func<string, bool> isLost, IReadOnlyList<Event> events, Losses losses)
    {
        var known = new PriorityQueue<int, long>();
        var (least, lost) = (0, 0);

        // Of a write that was accepted and is not in the row yet no answer says its place.
        foreach (var call in events.Where(call => call is { IsOk: true, Result.Length: > 0 } && !losses.IsNear(call))
            .OrderBy(static call => call.Began))
        {
            if (losses.Before(call.Began) is var before && before > lost)
            {
                known.Clear();
                (least, lost) = (0, before);
            }

            while (known.TryPeek(out var length, out var ended) && ended < call.Began)
            {
                least = Math.Max(least, known.Dequeue());
            }

            var (count, element) = Seen(call);
            if (count > 0 && isLost(element))
            {
                // Of what came before it no answer says anything more.
            }
            else if (count > list.Length || (count > 0 && list[count - 1] != element))
            {
                var there = count > list.Length ? "nothing" : list[count - 1];
                yield return new(
                    "a read never goes back", key, $"{call.Operation} of {call.Process} saw {element} at place {count}; there is {there}");
                continue;
            }

            if (call.Operation == Operations.ReadList && count < least)
            {
                yield return new("a read never goes back", key, $"{call.Process} read {count} elements, after {least} had been seen");
            }
            else if (call.Operation is Operations.Append or Operations.AppendThrough && count <= least)
            {
                yield return new(
                    "a write goes on top", key, $"{call.Value} of {call.Process} came to place {count}, after {least} had been seen");
            }

            if (call.Operation == Operations.AppendThrough && call.Result.Split('/') is [_, var row]
                && int.Parse(row, CultureInfo.InvariantCulture) < count)
            {
                yield return new("written through", key, $"the row had {row} elements when {call.Value} was answered as number {count}");
            }

            known.Enqueue(count, call.Ended);
        }
    }

    private static (int Count, string Element) Seen(Event call)
    {
        var parts = call.Result.Split('/');
        var count = int.Parse(parts[0], CultureInfo.InvariantCulture);
        return (count, call.Operation == Operations.ReadList ? parts[1] : call.Value);
    }

    /// <summary>
    /// A flush of everything that came out clean left nothing behind of what was acknowledged before it began.
    /// </summary>
    public static IEnumerable<Finding> Clean(IReadOnlyList<Event> flushes, ILookup<string, Event> appends, Losses losses)
    {
        var answered = appends.SelectMany(static list => list)
            .Where(static call => call is { IsOk: true, Result.Length: > 0 } && call.Operation != Operations.ReadList)
            .OrderBy(static call => call.Ended).ToList();
        var needed = new Dictionary<string, int>();
        var (next, lost) = (0, 0);
        foreach (var flush in flushes.Where(static call => call.IsOk).OrderBy(static call => call.Began))
        {
            // Of what Redis lost nobody says that it is flushed; nor that it is not, where it was lost before.
            if (losses.IsNear(flush))
            {
                continue;
            }

            if (losses.Before(flush.Began) is var before && before > lost)
            {
                needed.Clear();
                lost = before;
            }

            for (; next < answered.Count && answered[next].Ended < flush.Began; next++)
            {
                if (losses.Before(answered[next].Began) < lost || losses.IsNear(answered[next]))
                {
                    continue;
                }

                var key = answered[next].Key;
                needed[key] = Math.Max(needed.GetValueOrDefault(key), Seen(answered[next]).Count);
            }

            foreach (var (key, count) in flush.Result.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(static row => row.Split('='))
                .Select(static row => (row[0], int.Parse(row[1], CultureInfo.InvariantCulture))))
            {
                if (needed.TryGetValue(key, out var least) && count < least)
                {
                    yield return new(
                        "clean means clean",
                        key,
                        $"the row had {count} of {least} elements after {flush.Process} was told that all is flushed");
                }
            }
        }
    }
}
