namespace WriteBehind.Tests.Protocol;

/// <summary>
/// The entity in Redis; a value of <see cref="World.Absent"/> is a tombstone. Write is its nonce: the number of the write. Old where it is
/// of before Redis was seen to have gone back.
/// </summary>
internal record struct Buffered(byte Version, byte Value, byte Write, bool Old = false)
{
    public readonly bool Exists => Version != 0;
}
