namespace WriteBehind.Tests.Protocol;

/// <summary>One flusher and what it read when it claimed.</summary>
internal record struct Flusher(FlusherPhase Phase, byte Version, byte Value, byte Write, byte LeaseLeft);
