namespace Proof.Input;

/// <summary>A row that could not be replayed.</summary>
public sealed record BadRow(int Line, string Problem);
