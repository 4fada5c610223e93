namespace WriteBehind.Flush;

/// <summary>What a batch was let in as by the <see cref="CircuitBreaker"/>.</summary>
/// <param name="Period">The period, open or closed, in which it was let in.</param>
/// <param name="IsProbe">Whether it is the one that tries whether the outage is over.</param>
internal readonly record struct BreakerEntry(long Period, bool IsProbe);
