namespace WriteBehind.Benchmarks.Reporting;

/// <summary>A goal, and what it came to.</summary>
/// <param name="Group">The group's number.</param>
/// <param name="Text">The goal in words.</param>
/// <param name="Measured">What was measured, in words.</param>
/// <param name="IsMet">Whether it is enough.</param>
public sealed record Goal(int Group, string Text, string Measured, bool IsMet);
