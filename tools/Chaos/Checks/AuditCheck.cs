namespace Chaos.Checks;

/// <summary>What PostgreSQL itself noted of a change of a row, in the order of the changes.</summary>
/// <param name="Table">Which table.</param>
/// <param name="Id">Which row.</param>
/// <param name="Before">Its version before; null where it was inserted.</param>
/// <param name="After">Its version afterwards; null where it was deleted.</param>
/// <param name="At">When.</param>
/// <param name="IsKept">Whether it still begins with what it had; null for rows that are no lists.</param>
internal sealed record RowChange(string Table, string Id, long? Before, long? After, DateTime At = default, bool? IsKept = null);

/// <summary>
/// Versions only grow, also over a delete, which is a version itself. (Of that one Redis alone knows, so after a loss it may begin anew.)
/// What a row had stays, whatever Redis lost.
/// </summary>
internal static class AuditCheck
{
    public static IEnumerable<Finding> Run(IEnumerable<RowChange> changes, Losses losses)
    {
        var least = new Dictionary<(string, string), long>();
        var changed = new Dictionary<(string, string), DateTime>();
        foreach (var change in changes)
        {
            var row = (change.Table, change.Id);
            // A save that was under way as Redis was lost may meet a new write of its version (guarantees.md).
            if (change.IsKept == false && !losses.Between(changed.GetValueOrDefault(row), change.At))
            {
                yield return new("what was saved stays", $"{change.Table} {change.Id}", $"version {change.After} has not what was there");
            }

            if (change.After is { } after)
            {
                var isForgotten = change.Before is null && changed.TryGetValue(row, out var at) && losses.Between(at, change.At);
                if (!isForgotten && least.TryGetValue(row, out var version) && after < version)
                {
                    yield return new(
                        "versions never fall", $"{change.Table} {change.Id}", change.Before is { } before
                            ? $"version {before} was overwritten by version {after}"
                            : $"version {after} was inserted after version {version - 2} had been deleted");
                }

                least[row] = after + 1;
            }
            else if (change.Before is { } before)
            {
                least[row] = before + 2;
            }

            changed[row] = change.At;
        }
    }
}
