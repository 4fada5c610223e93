using System.Globalization;
using Chaos.Histories;

namespace Chaos.Checks;

/// <summary>Counters have the sum of what was acknowledged and of some of what is unknown.</summary>
internal static class SumCheck
{
    public static IEnumerable<Finding> Run(string key, IReadOnlyList<Event> calls, long row, Losses losses)
    {
        var settled = losses.Settled(calls);
        return settled == 0 || !Run(key, calls, row).Any()
            ? Run(key, calls, row)
            : Run(key, Losses.Doubt(calls, settled, Operations.ReadSum), row);
    }

    private static IEnumerable<Finding> Run(string key, IReadOnlyList<Event> calls, long row)
    {
        var adds = calls.Where(static call => call.Operation == Operations.Add).Concat(Repeated(calls)).ToList();
        var least = adds.Where(static call => call.IsOk).Sum(Amount);
        long[] unknown = [.. adds.Where(static call => call.Outcome == Outcome.Unknown).Select(Amount)];
        if (!CanBe(row - least, unknown))
        {
            yield return new(
                "sums are exact", key, $"the row has {row}, acknowledged are {least}, unknown are [{string.Join(", ", unknown)}]");
        }
    }

    /// <summary>
    /// What answers and reads say the counter has only grows in real time, and the row has no less in the end. (A repeat gets the first
    /// answer, so it says nothing of its own time.)
    /// </summary>
    public static IEnumerable<Finding> Counts(string key, IReadOnlyList<Event> calls, long row)
    {
        var known = new PriorityQueue<long, long>();
        var least = 0L;
        var firsts = calls.Where(static call => call.Operation != Operations.AddOnce).Concat(Repeated(calls));
        foreach (var call in firsts.Where(static call => call is { IsOk: true, Result.Length: > 0 }).OrderBy(static call => call.Began))
        {
            while (known.TryPeek(out var seen, out var ended) && ended < call.Began)
            {
                least = Math.Max(least, seen);
                known.Dequeue();
            }

            var count = long.Parse(call.Result, CultureInfo.InvariantCulture);
            if (count < least + (call.Operation == Operations.ReadSum ? 0 : 1) || count > row)
            {
                yield return new(
                    "a read never goes back", key, $"{call.Operation} was told {count}, after {least} had been told; the row has {row}");
            }

            known.Enqueue(count, call.Ended);
        }
    }

    /// <summary>Calls under one key are one call: from the first one's begin to the first answer.</summary>
    private static IEnumerable<Event> Repeated(IReadOnlyList<Event> calls)
        => calls.Where(static call => call.Operation == Operations.AddOnce).GroupBy(static call => call.Value).Select(static same =>
        {
            var first = same.MinBy(static call => call.Began)!;
            return same.Where(static call => call.IsOk).MinBy(static call => call.Ended) is { } answered
                ? answered with { Began = first.Began }
                : first with
                {
                    Ended = Event.Never,
                    Outcome = same.All(static call => call.Outcome == Outcome.Failed) ? Outcome.Failed : Outcome.Unknown,
                };
        });

    private static long Amount(Event add) => long.Parse(add.Value.Split('/')[0], CultureInfo.InvariantCulture);

    private static bool CanBe(long rest, long[] amounts)
    {
        if (rest < 0 || rest > amounts.Sum())
        {
            return false;
        }

        var sums = new bool[rest + 1];
        sums[0] = true;
        foreach (var amount in amounts)
        {
            for (var sum = rest; sum >= amount; sum--)
            {
                sums[sum] |= sums[sum - amount];
            }
        }

        return sums[rest];
    }
}
