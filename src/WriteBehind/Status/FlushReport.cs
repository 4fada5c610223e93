namespace WriteBehind.Status;

/// <summary>What a flush of everything, or a drain, did.</summary>
/// <param name="Flushed">Entities that became clean.</param>
/// <param name="Remaining">Entities still dirty when it returned, by type; types with none are left out. They are safe in Redis.</param>
/// <param name="Rejected">Entities that the database rejected on the way, by type and id; at most the first 100.</param>
public sealed record FlushReport(long Flushed, IReadOnlyDictionary<string, long> Remaining, IReadOnlyList<EntityRef> Rejected)
{
    /// <summary>True where nothing is left dirty.</summary>
    public bool IsClean => Remaining.Count == 0;
}
