using System.Globalization;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Verification;

/// <summary>
/// Compares the model's tables with the live ones at start-up, so that a forgotten migration is one clear error and not a dead letter
/// per entity.
/// </summary>
internal sealed class CatalogueCheck(string type, IReadOnlyList<ExpectedTable> tables)
{
    private const string DatabaseSql = """
        SELECT current_database()::text, (SELECT d.oid::bigint FROM pg_database d WHERE d.datname = current_database()),
            coalesce((SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)),
                current_schema()::text, '')
        """;

    /// <summary>Whether the column that an error names is one that flushes write.</summary>
    public bool IsWritten(PostgresException error)
    {
        if (error is not { TableName: { } table, ColumnName: { } column })
        {
            return false;
        }

        // The error may name a partition, which has the columns of one of the tables. What a function or trigger writes is its own affair.
        var named = tables.Where(t => t.Name.EndsWith(SqlName.Quote(table), StringComparison.Ordinal)).ToList();
        return (named.Count > 0 ? named : SqlStates.IsOfFunction(error) ? [] : tables).Any(t => t.WrittenColumns.Contains(column));
    }

    /// <exception cref="ConfigurationException">They differ in a way that flushes or loads would fail on.</exception>
    public async Task RunAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var expected in tables)
        {
            var found = await CatalogueTable.ReadAsync(connection, expected, cancellationToken).ConfigureAwait(false);
            if (found is null)
            {
                throw Refuse(
                    expected.Name,
                    $"table {expected.Name} does not exist in database \"{connection.Database}\".",
                    "Create it: apply the context's migrations, or call EnsureCreated.");
            }

            CheckTable(expected, found);
            foreach (var (column, storeType) in expected.Columns)
            {
                CheckColumn(expected, found, column, storeType);
            }

            CheckColumnsThatNothingFills(expected, found);
            CheckKey(expected, found);
        }
    }

    /// <summary>
    /// Which database this is, and which schema of it. Cluster and database are named by numbers that no other has: names are alike in
    /// every copy of a service.
    /// </summary>
    public async Task<DatabaseIdentity> IdentifyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var cluster = await ReadClusterAsync(connection, cancellationToken).ConfigureAwait(false);
        var command = new NpgsqlCommand(DatabaseSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = tables[0].Name });
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                var (name, number, schema) = (reader.GetString(0), reader.GetInt64(1), reader.GetString(2));
                return new DatabaseIdentity(
                    string.Create(CultureInfo.InvariantCulture, $"{cluster}/{number}/{schema}"),
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"schema \"{schema}\" of database \"{name}\" (oid {number}) in the PostgreSQL cluster {cluster}"));
            }
        }
    }

    private static async Task<string> ReadClusterAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var command = new NpgsqlCommand("SELECT system_identifier::text FROM pg_control_system()", connection);
            await using (command.ConfigureAwait(false))
            {
                return (string)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
            }
        }
        catch (PostgresException e) when (e.SqlState is "42501" or "42883" or "0A000")
        {
            // A service that hides it. Database and schema still tell most of them apart.
            return "unknown";
        }
    }

    private void CheckTable(ExpectedTable expected, CatalogueTable found)
    {
        if (found.Kind == 'f')
        {
            throw Refuse(
                expected.Name,
                $"{expected.Name} is a foreign table. A flush rests on ON CONFLICT, on locks and on the clock of the server that has the " +
                "rows, and none of these reach through a foreign table.",
                "Let the context connect to the server that has the table, or map the entity to a table of this one.");
        }

        if (found.Kind is not ('r' or 'p'))
        {
            throw Refuse(
                expected.Name, $"{expected.Name} is not a table (pg_class.relkind is '{found.Kind}').", "Map the entity to a table.");
        }

        if (!found.IsLogged)
        {
            throw Refuse(
                expected.Name,
                $"table {expected.Name} is unlogged or temporary: a crash of PostgreSQL empties it, after Redis has let go of the states.",
                $"Run ALTER TABLE {expected.Name} SET LOGGED.");
        }
    }

    private void CheckColumn(ExpectedTable expected, CatalogueTable found, string name, string storeType)
    {
        var setting = $"{expected.Name}.{name}";
        if (!found.Columns.TryGetValue(name, out var column))
        {
            throw Refuse(
                setting,
                $"table {expected.Name} has no column \"{name}\".",
                $"Apply the migration that adds it, or run ALTER TABLE {expected.Name} ADD COLUMN {SqlName.Quote(name)} {storeType}" +
                (name == expected.VersionColumn ? " NOT NULL DEFAULT 0." : "."));
        }

        if (found.ExpectedTypes[storeType] is { } type && !AreAlike(type, column.Type))
        {
            throw Refuse(
                setting,
                $"column \"{name}\" of table {expected.Name} is {column.Type}, and the model says {storeType}.",
                $"Change the mapping (HasColumnType(\"{column.Type}\")), or run " +
                $"ALTER TABLE {expected.Name} ALTER COLUMN {SqlName.Quote(name)} TYPE {storeType}.");
        }

        if (name == expected.VersionColumn && !column.IsRequired)
        {
            throw Refuse(
                setting,
                $"column \"{name}\" of table {expected.Name} holds the version and may be NULL; such a row could never be written.",
                $"Run UPDATE {expected.Name} SET {SqlName.Quote(name)} = 0 WHERE {SqlName.Quote(name)} IS NULL, then " +
                $"ALTER TABLE {expected.Name} ALTER COLUMN {SqlName.Quote(name)} SET NOT NULL.");
        }

        if (column.IsGenerated && expected.WrittenColumns.Contains(name))
        {
            throw Refuse(
                setting,
                $"column \"{name}\" of table {expected.Name} is computed by the database, and the model would write it.",
                "Say so in the model: ValueGeneratedOnAddOrUpdate, or HasComputedColumnSql.");
        }

        if (expected.KeyColumns.Contains(name) && !column.IsExact)
        {
            throw Refuse(
                setting,
                $"key column \"{name}\" of table {expected.Name} has a collation under which different texts are equal, so two ids would " +
                "name one row.",
                $"Run ALTER TABLE {expected.Name} ALTER COLUMN {SqlName.Quote(name)} TYPE {storeType} COLLATE \"C\".");
        }
    }

    private void CheckColumnsThatNothingFills(ExpectedTable expected, CatalogueTable found)
    {
        if (found.FillsColumns)
        {
            return;
        }

        var unwritten = found.Columns.Values.Where(column => !expected.WrittenColumns.Contains(column.Name));
        foreach (var column in unwritten.Where(column => column is { IsRequired: true, HasValue: false }))
        {
            throw Refuse(
                $"{expected.Name}.{column.Name}",
                $"column \"{column.Name}\" of table {expected.Name} is NOT NULL, has no default, and no flush writes it, so no row could " +
                "be inserted.",
                "Give it a default, allow NULL, or map it to a property of the state.");
        }
    }

    private void CheckKey(ExpectedTable expected, CatalogueTable found)
    {
        if (!found.KeyIsUnique)
        {
            var columns = string.Join(", ", expected.KeyColumns.Select(SqlName.Quote));
            throw Refuse(
                $"{expected.Name}.{string.Join(",", expected.KeyColumns)}",
                $"table {expected.Name} has no unique constraint on exactly its key ({columns}), or only a deferrable or partial one, " +
                "which ON CONFLICT can't use.",
                $"Run ALTER TABLE {expected.Name} ADD PRIMARY KEY ({columns}).");
        }
    }

    /// <summary>Length and precision aside: text and varchar take each other's values.</summary>
    private static bool AreAlike(string expected, string found)
        => expected == found || (expected is "text" or "character varying" && found is "text" or "character varying");

    private ConfigurationException Refuse(string setting, string what, string remedy)
        => new(setting, $"Entity type '{type}': {what} {remedy}", type);
}
