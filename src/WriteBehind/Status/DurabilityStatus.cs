namespace WriteBehind.Status;

/// <summary>What Redis itself promises, as its settings were last read.</summary>
/// <param name="Reachable">Whether Redis answered the last time it was asked.</param>
/// <param name="Warnings">What may lose acknowledged writes, each with its setting and the fix; empty where all is well.</param>
/// <param name="EmptiedAt">When Redis was seen to have come back empty; null where it never was. Stays until the process restarts.</param>
public sealed record DurabilityStatus(bool Reachable, IReadOnlyList<string> Warnings, DateTimeOffset? EmptiedAt);
