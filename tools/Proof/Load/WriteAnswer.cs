namespace Proof.Load;

/// <summary>The answer to a write.</summary>
public readonly record struct WriteAnswer(WriteResult Result, string? Error = null);
