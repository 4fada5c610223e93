namespace WriteBehind.Status;

/// <summary>How a background loop of the engine is doing.</summary>
/// <param name="Name">What it does, with the entity type where it belongs to one: <c>sweep stock</c>, <c>watch</c>.</param>
/// <param name="LastCompletedAt">When it last got through a round; null before the first.</param>
/// <param name="ConsecutiveFailures">How many rounds failed in a row. A loop never stops because of a failure.</param>
/// <param name="LastError">The last error while it is failing; null where the last round was fine.</param>
/// <param name="RoundStartedAt">When the round under way began; null between two rounds.</param>
public sealed record LoopStatus(string Name, DateTimeOffset? LastCompletedAt, int ConsecutiveFailures, string? LastError, DateTimeOffset? RoundStartedAt = null);
