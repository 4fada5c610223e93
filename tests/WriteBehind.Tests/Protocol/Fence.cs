namespace WriteBehind.Tests.Protocol;

/// <summary>
/// The version last flushed, with the nonce of its write, as Redis remembers it for a time. Whether it was a put; and whether it is of
/// before Redis was seen to have gone back.
/// </summary>
internal record struct Fence(byte Version, byte Write, byte Left, bool IsOfPut, bool Old)
{
    public const byte ForEver = 255;

    public readonly bool Exists => Version != 0;
}
