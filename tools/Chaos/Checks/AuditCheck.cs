namespace Chaos.Checks;

/// <summary>What PostgreSQL itself noted of a change of a row, in the order of the changes.</summary>
/// <param name="Table">Which table.</param>
/// <param name="Id">Which row.</param>
/// <param name="Before">Its version before; null where it was inserted.</param>
/// <param name="After">Its version afterwards; null where it was deleted.</param>
internal sealed record RowChange(string Table, string Id, long? Before, long? After);

/// <summary>Versions only grow, also over a delete, which is a version itself.</summary>
internal static class AuditCheck
{
    public static IEnumerable<Finding> Run(IEnumerable<RowChange> changes)
    {
        var least = new Dictionary<(string, string), long>();
        foreach (var change in changes)
        {
            var row = (change.Table, change.Id);
            if (change.After is { } after)
            {
                if (least.TryGetValue(row, out var version) && after < version)
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
        }
    }
}
