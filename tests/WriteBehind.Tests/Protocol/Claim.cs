namespace WriteBehind.Tests.Protocol;

/// <summary>A flusher's lease of the entity. Owners count from 1.</summary>
internal record struct Claim(byte Owner, byte Left)
{
    public readonly bool Exists => Owner != 0;
}
