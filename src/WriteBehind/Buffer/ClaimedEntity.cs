namespace WriteBehind.Buffer;

/// <summary>One entity as the claim found it.</summary>
/// <param name="Id">The entity.</param>
/// <param name="Status">Whether it is claimed.</param>
/// <param name="Version">The version to save.</param>
/// <param name="Payload">The payload to save; null for a tombstone. For an error: null.</param>
/// <param name="Nonce">The nonce of the write, which the fence takes over.</param>
/// <param name="Error">For an error: its text.</param>
internal readonly record struct ClaimedEntity(string Id, ClaimStatus Status, long Version, byte[]? Payload, string Nonce, string? Error = null);
