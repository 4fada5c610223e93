namespace WriteBehind.Caching.Limits;

/// <summary>What was decided.</summary>
/// <param name="IsAdmitted">Whether the permits were granted.</param>
/// <param name="Remaining">How many permits are left in the window.</param>
/// <param name="RetryAfter">How long until as many permits as were wanted can be free; zero where they were granted.</param>
/// <param name="At">When, on Redis' clock, in µs; 0 where Redis was not asked.</param>
/// <param name="IsUnchecked">Whether Redis was away and the answer is that of <see cref="LimitOptions.WhenAway"/>.</param>
internal readonly record struct LimitDecision(bool IsAdmitted, int Remaining, TimeSpan RetryAfter, long At, bool IsUnchecked = false);
