namespace WriteBehind.Common;

/// <summary>How long to wait before the next try, and when that is.</summary>
internal static class Pauses
{
    /// <summary>
    /// Capped exponential backoff with "equal jitter" (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015): half of
    /// the pause is fixed, so that a broken database gets rest, half is random, so that many processes do not return together.
    /// </summary>
    public static TimeSpan Backoff(int failures, TimeSpan start, TimeSpan cap, Random random)
    {
        var full = Doubled(start, failures - 1, cap).TotalMilliseconds;
        return TimeSpan.FromMilliseconds((full / 2) + (random.NextDouble() * full / 2));
    }

    /// <summary>A pause that was doubled so many times, up to a longest one.</summary>
    public static TimeSpan Doubled(TimeSpan pause, int times, TimeSpan longest)
        => TimeSpan.FromMilliseconds(Math.Min(pause.TotalMilliseconds * Math.Pow(2, Math.Min(times, 30)), longest.TotalMilliseconds));

    /// <summary>The pause after this one: twice as long, up to a longest one.</summary>
    public static TimeSpan Longer(TimeSpan pause, TimeSpan longest) => pause * 2 < longest ? pause * 2 : longest;

    /// <summary>The local moment that lies so far ahead, as <see cref="TimeProvider.GetTimestamp"/> will show it.</summary>
    public static long In(this TimeProvider time, TimeSpan span) => time.After(time.GetTimestamp(), span);

    /// <summary>The local moment that lies so long after another.</summary>
    public static long After(this TimeProvider time, long moment, TimeSpan span)
        => moment + (long)(span.TotalSeconds * time.TimestampFrequency);
}
