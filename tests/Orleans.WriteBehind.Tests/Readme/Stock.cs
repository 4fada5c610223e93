namespace Orleans.WriteBehind.Tests.Readme;

/// <summary>The state of the README's grain, as the README has it.</summary>
public sealed record Stock(long Quantity);
