namespace WriteBehind.Buffer;

/// <summary>One write of one entity.</summary>
/// <param name="Id">The entity.</param>
/// <param name="Known">What the writer knows: the write goes on top of exactly this version.</param>
/// <param name="Payload">The payload; null for a tombstone.</param>
/// <param name="Nonce">Names this write, so that it can be sent again when its answer got lost, without being applied twice.</param>
/// <param name="Changes">How many changes it carries out: each has a version of its own, and the last one's is stored.</param>
internal sealed record WriteRequest(string Id, Knowledge Known, byte[]? Payload, long Nonce, int Changes = 1)
{
    /// <summary>The version that is stored.</summary>
    public long Version => Known.Version + Changes;
}
