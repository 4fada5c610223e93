using WriteBehind;

namespace Orleans.WriteBehind.Sweep;

/// <summary>How often is looked for what nobody flushes.</summary>
internal static class SweepInterval
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A quarter of the shortest maximum age: what nobody flushes is due at half of it, found at three quarters at the latest, and so in the
    /// database before its time.
    /// </summary>
    public static TimeSpan Of(IWriteBehindEngine engine)
    {
        var age = engine.Types.Select(type => engine.OptionsOf(type).MaxAge).DefaultIfEmpty(Longest * 4).Min();
        return TimeSpan.FromTicks(Math.Clamp(age.Ticks / 4, Shortest.Ticks, Longest.Ticks));
    }
}
