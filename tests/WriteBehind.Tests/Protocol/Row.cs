namespace WriteBehind.Tests.Protocol;

/// <summary>The committed row; version 0 where there is none.</summary>
internal record struct Row(byte Version, byte Value)
{
    public readonly bool Exists => Version != 0;
}
