using System.Diagnostics;

namespace Chaos.Histories;

/// <summary>What became of a call, as its caller was told.</summary>
internal enum Outcome
{
    /// <summary>It was never answered: its process died, or was told that nobody knows.</summary>
    Unknown,

    /// <summary>It took effect.</summary>
    Ok,

    /// <summary>Its caller was told for certain that it had no effect.</summary>
    Failed,
}

/// <summary>A call of the service.</summary>
/// <param name="Process">Which life of which process made it.</param>
/// <param name="Operation">What it does; one of <see cref="Operations"/>.</param>
/// <param name="Key">Of which entity.</param>
/// <param name="Value">What it writes, or the version or value that it expects; by operation.</param>
/// <param name="Began">When it began, on <see cref="Clock"/>.</param>
/// <param name="Ended">When it was answered; <see cref="Never"/> where it was not.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Result">What the answer says; by operation.</param>
internal sealed record Event(
    string Process, string Operation, string Key, string Value, long Began, long Ended, Outcome Outcome, string Result = "")
{
    public const long Never = long.MaxValue;

    public bool IsOk => Outcome == Outcome.Ok;

    /// <summary>Whether this one was over before the other one began.</summary>
    public bool IsBefore(Event other) => Ended < other.Began;
}

/// <summary>The operations in histories. In brackets: value, result.</summary>
internal static class Operations
{
    /// <summary>Appends to a list (element; how many elements it has then).</summary>
    public const string Append = "append";

    /// <summary>The same, written through (element; how many it has then, and how many the row had right after).</summary>
    public const string AppendThrough = "append-through";

    /// <summary>Appends under an operation id, which is repeated until it is answered, and often after that (element; how many).</summary>
    public const string AppendOnce = "append-once";

    /// <summary>Reads a list (nothing; how many elements, and the last one).</summary>
    public const string ReadList = "read-list";

    /// <summary>Puts into a register (value; nothing).</summary>
    public const string Put = "put";

    /// <summary>Puts into a register where it has the value that was read before (old and new value; nothing).</summary>
    public const string Swap = "swap";

    /// <summary>Deletes a register.</summary>
    public const string Delete = "delete";

    /// <summary>Reads a register (nothing; the value, empty for none).</summary>
    public const string Read = "read";

    /// <summary>Adds to a counter (amount; nothing, or what the counter has then).</summary>
    public const string Add = "add";

    /// <summary>The same under a key that is repeated until it is answered (amount and key; what the counter has then).</summary>
    public const string AddOnce = "add-once";

    /// <summary>Reads a counter (nothing; what it has).</summary>
    public const string ReadSum = "read-sum";

    /// <summary>Deletes an entity that nobody writes again.</summary>
    public const string DeleteForGood = "delete-for-good";

    /// <summary>Writes an entity whose row another program raises to the same version (value; nothing).</summary>
    public const string WriteRaised = "write-raised";

    /// <summary>Flushes everything (nothing; whether it came out clean, and how many elements the row of each list had then).</summary>
    public const string FlushAll = "flush-all";

    /// <summary>Reads a cache (nothing; when the value was loaded).</summary>
    public const string ReadCache = "read-cache";

    /// <summary>Removes a key from a cache.</summary>
    public const string RemoveFromCache = "remove-from-cache";

    /// <summary>Not a call: the log told that Redis lost something (what it told; nothing).</summary>
    public const string Told = "told";

    /// <summary>Asks a limiter (nothing; <c>yes</c> where it was admitted).</summary>
    public const string Acquire = "acquire";
}

/// <summary>The clock of histories: monotonic, and the same in all processes of a machine.</summary>
internal static class Clock
{
    public static long Now => Stopwatch.GetTimestamp();

    public static TimeSpan Between(long from, long to) => Stopwatch.GetElapsedTime(from, to);

    public static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);
}
