using Chaos.Histories;

namespace Chaos.Checks;

/// <summary>
/// Registers are linearizable: there is an order of all calls that fits real time and in which each of them is right (Wing and Gong), with
/// what is in the row in the end as the last read. The search goes over sets of calls that took effect and the value after them, and never
/// looks at one twice.
/// </summary>
internal static class RegisterCheck
{
    /// <summary>States looked at before a key is given up. It is said where that happens.</summary>
    private const int MostStates = 400_000;

    private const string Absent = "";

    public static IEnumerable<Finding> Run(string key, IReadOnlyList<Event> events, string? row, Losses losses)
    {
        var last = new Event("the row", Operations.Read, key, "", Event.Never - 1, Event.Never, Outcome.Ok, row ?? Absent);
        var calls = Needed([.. events, last]);
        var found = Search(calls, Absent);
        var settled = events.Count == 0 ? 0 : losses.Settled(events);
        if (found != true && settled > 0)
        {
            // Redis may have lost any of those before; it went on from any of their values.
            calls = Needed([.. Losses.Doubt(events, settled, Operations.Read), last]);
            foreach (var value in events.Where(call => call.Began < settled).Select(Written).Append(Absent).Distinct())
            {
                found = Search(calls, value) is var from && from == true ? true : from is null ? null : found;
                if (found == true)
                {
                    break;
                }
            }
        }

        return found switch
        {
            true => [],
            false => [new("linearizable", key, $"no order of its {calls.Count} calls explains them; the row has '{row}'")],
            null => [new("undecided", key, $"{MostStates} states of its {calls.Count} calls were not enough")],
        };
    }

    /// <summary>
    /// Leaves out what proves nothing: calls that failed, and writes of unknown outcome whose value nobody saw. Whoever saw the value of an
    /// unknown one says when it was over at the latest.
    /// </summary>
    private static List<Event> Needed(IReadOnlyList<Event> events)
    {
        var seenUntil = new Dictionary<string, long>();
        foreach (var call in events.Where(static call => call.IsOk && call.Operation is Operations.Read or Operations.Swap))
        {
            var value = call.Operation == Operations.Read ? call.Result : Expected(call);
            seenUntil[value] = Math.Min(seenUntil.GetValueOrDefault(value, Event.Never), call.Ended);
        }

        // An unknown swap that somebody saw the outcome of saw the value before.
        foreach (var call in events.Where(static call => call is { Outcome: Outcome.Unknown, Operation: Operations.Swap })
            .OrderByDescending(static call => call.Began))
        {
            if (seenUntil.TryGetValue(Written(call), out var until))
            {
                seenUntil[Expected(call)] = Math.Min(seenUntil.GetValueOrDefault(Expected(call), Event.Never), until);
            }
        }

        return
        [
            .. events
                .Where(call => call.IsOk || (call.Outcome == Outcome.Unknown && call.Operation switch
                {
                    Operations.Put or Operations.Swap => seenUntil.ContainsKey(Written(call)),
                    Operations.Delete => true,
                    _ => false,
                }))
                .Select(call => call.Outcome == Outcome.Unknown && call.Operation is Operations.Put or Operations.Swap
                    ? call with { Ended = seenUntil[Written(call)], Outcome = Outcome.Ok }
                    : call)
                .OrderBy(static call => call.Began),
        ];
    }

    private static bool? Search(List<Event> calls, string initial)
    {
        var seen = new HashSet<(string Done, string Value)>();
        var open = new Stack<(bool[] Done, int First, string Value)>();
        open.Push((new bool[calls.Count], 0, initial));
        while (open.TryPop(out var state))
        {
            var (done, first, value) = state;
            while (first < calls.Count && done[first])
            {
                first++;
            }

            // What is unknown need not have happened at all.
            var left = false;
            var soonest = Event.Never;
            for (var i = first; i < calls.Count; i++)
            {
                if (!done[i])
                {
                    left |= calls[i].IsOk;
                    soonest = Math.Min(soonest, calls[i].Ended);
                }
            }

            if (!left)
            {
                return true;
            }

            for (var i = first; i < calls.Count && calls[i].Began <= soonest; i++)
            {
                if (!done[i] && Apply(calls[i], value) is { } after)
                {
                    bool[] next = [.. done];
                    next[i] = true;
                    if (seen.Add((Pack(next, first), after)))
                    {
                        open.Push((next, first, after));
                    }
                }
            }

            if (seen.Count > MostStates)
            {
                return null;
            }
        }

        return false;
    }

    /// <summary>The value after a call; null where it can't have been answered so on this value.</summary>
    private static string? Apply(Event call, string value) => call.Operation switch
    {
        Operations.Put => call.Value,
        Operations.Delete => Absent,
        Operations.Read => call.Result == value ? value : null,
        _ => Expected(call) == value ? Written(call) : null,
    };

    private static string Expected(Event swap) => swap.Value.Split('>')[0];

    private static string Written(Event call) => call.Operation == Operations.Swap ? call.Value.Split('>')[1] : call.Value;

    /// <summary>All before <paramref name="first"/> are done; of what comes behind the last that is done nothing is.</summary>
    private static string Pack(bool[] done, int first)
    {
        while (first < done.Length && done[first])
        {
            first++;
        }

        var until = Array.LastIndexOf(done, true) + 1;
        return string.Create(Math.Max(0, until - first) + 1, (done, first), static (text, state) =>
        {
            text[0] = (char)state.first;
            for (var i = 1; i < text.Length; i++)
            {
                text[i] = state.done[state.first + i - 1] ? '1' : '0';
            }
        });
    }
}
