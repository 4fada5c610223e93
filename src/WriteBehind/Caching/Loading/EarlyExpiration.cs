namespace WriteBehind.Caching.Loading;

/// <summary>
/// XFetch (A. Vattani, F. Chierichetti, K. Lowenstein: "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015): each read of a
/// fresh entry may decide to load it anew, the likelier the nearer its expiry and the longer its load took. Then it rarely expires under load,
/// and nobody has to wait. The exponential distribution is what makes it optimal: nothing needs to be known of how often the entry is read.
/// </summary>
internal static class EarlyExpiration
{
    /// <param name="left">How long the entry is still fresh.</param>
    /// <param name="loadTime">How long its last load took (delta).</param>
    /// <param name="beta">Above 1 sooner, below 1 later; 0 never.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    public static bool IsDue(TimeSpan left, TimeSpan loadTime, double beta, double random)
        => beta > 0 && loadTime > TimeSpan.Zero && -loadTime.TotalSeconds * beta * Math.Log(1 - random) >= left.TotalSeconds;
}
