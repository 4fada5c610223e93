using WriteBehind.Sinks;

namespace WriteBehind.Flush;

/// <summary>What became of a batch at the database.</summary>
/// <param name="Results">In the order of the items; null for those that were not tried, or whose part of the batch failed for a transient reason.</param>
/// <param name="Failure">The transient failure that ended it early; null where all were tried.</param>
/// <param name="Doubt">Whether a statement may still be running.</param>
/// <param name="Blocked">Entities that another transaction holds, or that take too long, and why: they wait, for ever if need be.</param>
/// <param name="Reached">Whether the database answered at all.</param>
internal readonly record struct BatchSaved(SaveResult?[] Results, SinkException? Failure, bool Doubt, IReadOnlyDictionary<string, SinkException> Blocked, bool Reached);
