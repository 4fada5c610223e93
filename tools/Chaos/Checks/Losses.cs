using Chaos.Histories;

namespace Chaos.Checks;

/// <summary>A time in which Redis lost what it alone had.</summary>
/// <param name="Fault">What happened.</param>
/// <param name="Since">From when on what was written may be lost; the dawn of time where Redis was emptied.</param>
/// <param name="Began">When it began, on <see cref="Clock"/>.</param>
/// <param name="Ended">When it was over.</param>
/// <param name="BeganAt">When it began, on the wall.</param>
/// <param name="EndedAt">When it was over.</param>
internal sealed record Loss(string Fault, long Since, long Began, long Ended, DateTime BeganAt, DateTime EndedAt);

/// <summary>
/// What the promises leave open where Redis came back empty or went back: what it alone had, and for a moment what is written before
/// anybody has noticed. Everything else is judged as ever; where nothing was lost, that is everything.
/// </summary>
internal sealed class Losses(IReadOnlyList<Loss> all)
{
    public static readonly Losses None = new([]);

    /// <summary>
    /// After this it has been noticed, and claims of before are over: by the first write of a process that lost one, or by the watch,
    /// which looks once a second, on a machine that stands still at times.
    /// </summary>
    public static readonly TimeSpan Notice = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongestToTell = TimeSpan.FromSeconds(15);

    public IReadOnlyList<Loss> All => all;

    /// <summary>Whether what this call did may be gone, or in a dead letter: it was made before a loss was noticed.</summary>
    public bool MayTake(Event call) => all.Any(loss => call.Began < loss.Ended + Clock.Ticks(Notice));

    /// <summary>Whether it was under way in a loss, or before that was noticed.</summary>
    public bool IsNear(Event call)
        => all.Any(loss => call.Began < loss.Ended + Clock.Ticks(Notice) && call.Ended > loss.Began);

    /// <summary>How many losses were over by then.</summary>
    public int Before(long time) => all.Count(loss => loss.Ended < time);

    /// <summary>Whether a flusher of before may have saved, deleted or brought back a row between these times on the wall.</summary>
    public bool Between(DateTime from, DateTime to) => all.Any(loss => from < loss.EndedAt + Notice && to > loss.BeganAt);

    /// <summary>From when on nothing of an entity with these calls is lost any more.</summary>
    public long Settled(IEnumerable<Event> calls)
    {
        var first = calls.Min(static call => call.Began);
        return all.Where(loss => loss.Ended > first).Select(static loss => loss.Ended + Clock.Ticks(Notice)).DefaultIfEmpty(0).Max();
    }

    /// <summary>
    /// The calls, where nobody knows whether those that took effect before <paramref name="settled"/> still count; reads before it are
    /// left out.
    /// </summary>
    public static List<Event> Doubt(IEnumerable<Event> calls, long settled, params string[] reads)
        =>
        [
            .. calls.Where(call => call.Began >= settled || !reads.Contains(call.Operation))
                .Select(call => call.Began < settled && call.IsOk ? call with { Outcome = Outcome.Unknown, Ended = Event.Never } : call),
        ];

    /// <summary>Each loss is told of: by any process, as all of them had the same Redis.</summary>
    public IEnumerable<Finding> Told(IReadOnlyList<Event> calls)
    {
        foreach (var loss in all)
        {
            // Where hardly anybody wrote meanwhile, nothing may have been lost, or only by a process that is gone itself.
            var writers = calls.Where(call => call.IsOk && call.Operation is Operations.Append or Operations.Put or Operations.Add
                    && call.Began > loss.Since && call.Ended < loss.Began && call.Ended > loss.Began - Clock.Ticks(LongestToTell))
                .Select(static call => call.Process).Distinct().Count();
            if (writers > 1 && !calls.Any(call => call.Operation == Operations.Told && call.Began > loss.Began
                && call.Began < loss.Ended + Clock.Ticks(LongestToTell)))
            {
                yield return new("a loss is told of", loss.Fault, $"nobody did within {LongestToTell.TotalSeconds} s");
            }
        }
    }
}
