namespace WriteBehind.Tests.Protocol;

/// <summary>The version last flushed, with the nonce of its write, as Redis remembers it for a time.</summary>
internal record struct Fence(byte Version, byte Write, byte Left)
{
    public const byte ForEver = 255;

    public readonly bool Exists => Version != 0;
}
