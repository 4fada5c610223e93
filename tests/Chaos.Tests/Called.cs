using System.Diagnostics;
using Chaos.Histories;

namespace Chaos.Tests;

/// <summary>Makes up calls, with times in ms.</summary>
internal static class Called
{
    public static Event Ok(string operation, string value, long began, long ended, string result = "", string process = "p")
        => new(process, operation, "k", value, Ms(began), Ms(ended), Outcome.Ok, result);

    public static Event Unknown(string operation, string value, long began)
        => new("p", operation, "k", value, Ms(began), Event.Never, Outcome.Unknown);

    public static Event Failed(string operation, string value, long began, long ended)
        => new("p", operation, "k", value, Ms(began), Ms(ended), Outcome.Failed);

    public static long Ms(long time) => time * Stopwatch.Frequency / 1000;
}
