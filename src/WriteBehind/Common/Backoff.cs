namespace WriteBehind.Common;

/// <summary>
/// Capped exponential backoff with "equal jitter" (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015): half of
/// the pause is fixed, so that a broken database gets rest, half is random, so that many processes do not return together.
/// </summary>
internal static class Backoff
{
    public static TimeSpan Pause(int failures, TimeSpan start, TimeSpan cap, Random random)
    {
        var exponent = Math.Min(failures - 1, 30);
        var full = Math.Min(start.TotalMilliseconds * Math.Pow(2, exponent), cap.TotalMilliseconds);
        return TimeSpan.FromMilliseconds((full / 2) + (random.NextDouble() * full / 2));
    }
}
