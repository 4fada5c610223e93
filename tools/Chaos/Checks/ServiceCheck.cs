using System.Globalization;
using Chaos.Histories;

namespace Chaos.Checks;

/// <summary>What is promised beside the data: caches, limits, stops, and what the processes use.</summary>
internal static class ServiceCheck
{
    /// <summary>As docs/operations.md has it.</summary>
    private const int UnknownLeft = 3;

    /// <summary>
    /// No window has more admissions than the limit. Only those count that must have been inside one, from their begin to their end.
    /// What was admitted around the time at which Redis lost it does not.
    /// </summary>
    public static IEnumerable<Finding> Limit(IEnumerable<Event> calls, int permits, TimeSpan window, Losses losses)
    {
        var admitted = calls.Where(call => call is { IsOk: true, Result: "yes" } && !losses.IsNear(call))
            .OrderBy(static call => call.Ended).ToList();
        var width = Clock.Ticks(window);
        foreach (var last in admitted)
        {
            var inside = admitted.Count(call => call.Ended <= last.Ended && call.Began > last.Ended - width);
            if (inside > permits)
            {
                yield return new("limits hold", last.Key, $"{inside} calls within {window.TotalSeconds} s, and {permits} are allowed");
                yield break;
            }
        }
    }

    /// <summary>
    /// No cached value is older than an entry lasts, and none is given that was loaded before its key was removed: at once in the process
    /// that removed it, soon in the others; where Redis lost the removal, the age alone counts.
    /// </summary>
    public static IEnumerable<Finding> Cache(string key, IReadOnlyList<Event> calls, TimeSpan oldest, TimeSpan soon, Losses losses)
    {
        Event[] removals = [.. calls.Where(static call => call is { IsOk: true, Operation: Operations.RemoveFromCache })];
        foreach (var read in calls.Where(static call => call is { IsOk: true, Operation: Operations.ReadCache }))
        {
            var loaded = long.Parse(read.Result, CultureInfo.InvariantCulture);
            if (read.Began - loaded > Clock.Ticks(oldest))
            {
                var age = Clock.Between(loaded, read.Began);
                yield return new("caches keep their age", key, $"{read.Process} got a value of {age.TotalSeconds:0.0} s");
            }

            var removal = Array.FindLast(removals, removal => loaded < removal.Began && !IsLost(removal, read)
                && removal.Ended + (removal.Process == read.Process ? 0 : Clock.Ticks(soon)) < read.Began);
            if (removal is not null)
            {
                yield return new(
                    "removed stays removed",
                    key,
                    $"{read.Process} got what was loaded {Clock.Between(loaded, removal.Began).TotalMilliseconds:0} ms before " +
                    $"{removal.Process} removed it, {Clock.Between(removal.Ended, read.Began).TotalMilliseconds:0} ms after that");
            }
        }

        bool IsLost(Event removal, Event read)
            => losses.All.Any(loss => removal.Ended > loss.Since && removal.Began < loss.Ended && read.Ended > loss.Began);
    }

    /// <summary>
    /// A process that is asked to stop does so in time, and without an error. Where Redis is away by then nobody knows how much is left: a
    /// silo that says so may end with the code that means it.
    /// </summary>
    public static IEnumerable<Finding> Stop(ProcessStop stop, TimeSpan longest)
    {
        if (stop.Took > longest)
        {
            yield return new("stops in time", stop.Process, $"{stop.Took.TotalSeconds:0.0} s for a stop");
        }
        else if (stop.ExitCode != 0 && !(stop.ExitCode == UnknownLeft && stop.IsTold))
        {
            yield return new("stops in time", stop.Process, $"exit code {stop.ExitCode}");
        }
    }

    /// <summary>Memory and connections stay within bounds.</summary>
    public static IEnumerable<Finding> Use(ProcessUse use, long mostBytes, int mostConnections)
    {
        if (use.Bytes > mostBytes)
        {
            yield return new("memory is bounded", use.Process, $"{use.Bytes >> 20} MiB");
        }

        if (use.Connections > mostConnections)
        {
            yield return new("connections are bounded", use.Process, $"{use.Connections} connections to PostgreSQL");
        }
    }
}

/// <summary>That a process was asked to stop.</summary>
/// <param name="Process">The process.</param>
/// <param name="Took">Until it had ended.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="IsTold">Whether it said that it does not know how much is left.</param>
internal sealed record ProcessStop(string Process, TimeSpan Took, int ExitCode, bool IsTold = false);

/// <summary>What a process used at a time.</summary>
internal sealed record ProcessUse(string Process, long Bytes, int Connections);
