namespace WriteBehind.Caching.Limits;

/// <summary>What Redis answered to one request.</summary>
/// <param name="Decision">The decision, where there is one.</param>
/// <param name="Error">Why there is none; null where there is one.</param>
internal readonly record struct LimitAnswer(LimitDecision Decision, string? Error = null);
