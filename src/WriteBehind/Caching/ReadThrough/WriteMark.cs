namespace WriteBehind.Caching.ReadThrough;

/// <summary>How long an entry is marked as in doubt, from how long its write may take at the database.</summary>
internal static class WriteMark
{
    /// <summary>The mark outlasts the write by half: for the deadline's margin, the commit, and the way back.</summary>
    public const double PerTimeout = 1.5;

    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1.5);

    public static TimeSpan LifeOf(TimeSpan writeTimeout) => writeTimeout * PerTimeout;
}
