namespace WriteBehind.Buffer;

/// <summary>One write of one entity.</summary>
/// <param name="Id">The entity.</param>
/// <param name="Known">What the writer knows: the write goes on top of exactly this version.</param>
/// <param name="Payload">The payload; null for a tombstone.</param>
/// <param name="Nonce">Names this write, so that it can be sent again when its answer got lost, without being applied twice.</param>
internal sealed record WriteRequest(string Id, Knowledge Known, byte[]? Payload, long Nonce);
