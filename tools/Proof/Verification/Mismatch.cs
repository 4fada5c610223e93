namespace Proof.Verification;

/// <summary>A product whose row is not what was acknowledged.</summary>
public sealed record Mismatch(string Id, string Difference);
