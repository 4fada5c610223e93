namespace Orleans.WriteBehind;

/// <summary>What limits a call.</summary>
/// <param name="Limit">The registered name of the limit.</param>
/// <param name="CallerKey">Whose window it counts in.</param>
public readonly record struct GrainLimit(string Limit, string CallerKey);
