namespace WriteBehind.Sinks;

/// <summary>The outcome for one entity of a batch.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="StoredVersion">For <see cref="SaveOutcome.Fenced"/>: the version of the row found; else the version saved or 0.</param>
/// <param name="Error">For <see cref="SaveOutcome.Rejected"/>: why.</param>
public readonly record struct SaveResult(SaveOutcome Outcome, long StoredVersion = 0, Exception? Error = null);
