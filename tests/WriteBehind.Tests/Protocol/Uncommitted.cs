namespace WriteBehind.Tests.Protocol;

/// <summary>
/// A save whose statement ran and whose transaction is open. The owner is a flusher, or <see cref="Orphan"/> where that one died.
/// </summary>
internal record struct Uncommitted(byte Owner, byte Version, byte Value)
{
    public const byte Orphan = 3;

    public readonly bool Exists => Owner != 0;
}
