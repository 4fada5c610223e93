namespace Embedded.Movements;

/// <summary>The answer to one movement, sent when (and only when) its outcome is settled.</summary>
/// <param name="Seq">The client's number for the movement.</param>
/// <param name="Version">The product's version that holds it; null where it failed.</param>
/// <param name="Error">Why it failed; null where it is acknowledged.</param>
/// <param name="OutcomeUnknown">Where it failed: true if it may have been applied all the same, false if it certainly was not.</param>
internal readonly record struct MovementReply(long Seq, long? Version, string? Error = null, bool OutcomeUnknown = false);
