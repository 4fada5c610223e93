namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// How long things last. They are long, so that the real time a run takes does not count, and no sum of intervals comes near the end of
/// anything by accident.
/// </summary>
internal static class Terms
{
    /// <summary>A flusher's lease; the deadline at the database is five sixths of it.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    public static readonly TimeSpan Fence = TimeSpan.FromMinutes(21);

    public static readonly TimeSpan TombstoneFence = TimeSpan.FromHours(24);

    /// <summary>How long a clean entry is kept.</summary>
    public static readonly TimeSpan Cache = TimeSpan.FromMinutes(6);

    public static TimeSpan LengthOf(Interval interval) => interval switch
    {
        Interval.Moment => TimeSpan.FromMinutes(4),
        Interval.Lease => TimeSpan.FromMinutes(11),
        Interval.Fence => TimeSpan.FromMinutes(22),
        _ => TimeSpan.FromHours(25),
    };
}
