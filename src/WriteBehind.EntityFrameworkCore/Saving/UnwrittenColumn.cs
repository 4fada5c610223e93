using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>
/// A NOT NULL column that no flush writes, added to the table since the start: no row can be inserted, and none is to blame.
/// </summary>
internal static class UnwrittenColumn
{
    public static bool IsMissed(PostgresException error, IReadOnlySet<string> written)
        => error is { SqlState: PostgresErrorCodes.NotNullViolation, ColumnName: { } column } && !written.Contains(column);

    public static SinkException Error(string type, PostgresException error) => new(
        SinkFailure.Statement,
        $"Saving '{type}' failed, the statement can't run on this table: column \"{error.ColumnName}\" of table {error.TableName} is " +
        "NOT NULL, has no default, " +
        "and no flush writes it. Give it a default, allow NULL, or map it to a property of the state.",
        error.SqlState,
        type,
        cause: error);
}
