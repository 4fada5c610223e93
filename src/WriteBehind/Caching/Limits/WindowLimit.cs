namespace WriteBehind.Caching.Limits;

/// <summary>How many permits a caller gets in any window of this length.</summary>
/// <param name="Permits">The most permits in a window; 1 to <see cref="LimitOptions.MostPermits"/>.</param>
/// <param name="Window">The length of the window; 10 ms to 1 day.</param>
public readonly record struct WindowLimit(int Permits, TimeSpan Window);
