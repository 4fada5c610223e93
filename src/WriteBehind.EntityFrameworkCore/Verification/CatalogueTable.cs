using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Verification;

/// <summary>A table as the database has it.</summary>
/// <param name="Kind">r and p are tables; anything else is not.</param>
/// <param name="IsLogged">False for an unlogged or temporary table, which a crash empties.</param>
/// <param name="FillsColumns">A trigger may fill columns before the row is checked.</param>
/// <param name="KeyIsUnique">A unique index over exactly the key's columns, which ON CONFLICT can use.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="ExpectedTypes">The model's store types in PostgreSQL's spelling; null for one it does not know.</param>
internal sealed record CatalogueTable(
    char Kind,
    bool IsLogged,
    bool FillsColumns,
    bool KeyIsUnique,
    IReadOnlyDictionary<string, CatalogueColumn> Columns,
    IReadOnlyDictionary<string, string?> ExpectedTypes)
{
    private const string TableSql = """
        SELECT c.relkind, c.relpersistence = 'p',
            EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
            EXISTS (
                SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                    AND ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid
                            AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) ORDER BY 1)
                        = ARRAY(SELECT k FROM unnest($2::text[]) AS k ORDER BY 1))
        FROM pg_class c WHERE c.oid = to_regclass($1)
        """;

    private const string ColumnsSql = """
        SELECT a.attname::text, format_type(a.atttypid, NULL), a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
            coalesce(l.collisdeterministic, true)
        FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
        """;

    private const string TypesSql = "SELECT t, format_type(to_regtype(t), NULL) FROM unnest($1::text[]) AS t";

    /// <summary>Reads the catalogue in one round trip; null where there is no such table.</summary>
    public static async Task<CatalogueTable?> ReadAsync(
        NpgsqlConnection connection, ExpectedTable expected, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection);
        await using (batch.ConfigureAwait(false))
        {
            batch.BatchCommands.Add(Command(TableSql, Text(expected.Name), Texts(expected.KeyColumns)));
            batch.BatchCommands.Add(Command(ColumnsSql, Text(expected.Name)));
            batch.BatchCommands.Add(Command(TypesSql, Texts(expected.Columns.Values.Distinct())));
            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    return null;
                }

                var (kind, isLogged) = (reader.GetChar(0), reader.GetBoolean(1));
                var (fillsColumns, keyIsUnique) = (reader.GetBoolean(2), reader.GetBoolean(3));
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var columns = new Dictionary<string, CatalogueColumn>();
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    columns[reader.GetString(0)] = new CatalogueColumn(
                        reader.GetString(0),
                        reader.GetString(1),
                        reader.GetBoolean(2),
                        reader.GetBoolean(3),
                        reader.GetBoolean(4),
                        reader.GetBoolean(5));
                }

                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var types = new Dictionary<string, string?>();
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    types[reader.GetString(0)] = await reader.IsDBNullAsync(1, cancellationToken).ConfigureAwait(false)
                        ? null
                        : reader.GetString(1);
                }

                return new CatalogueTable(kind, isLogged, fillsColumns, keyIsUnique, columns, types);
            }
        }
    }

    private static NpgsqlBatchCommand Command(string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.AddRange(parameters);
        return command;
    }

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value };

    private static NpgsqlParameter<string[]> Texts(IEnumerable<string> values) => new() { TypedValue = [.. values] };
}

/// <summary>A column as the database has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type, in PostgreSQL's own spelling and without length or precision.</param>
/// <param name="IsRequired">NOT NULL.</param>
/// <param name="HasValue">Filled by a default or as an identity where nothing is written.</param>
/// <param name="IsGenerated">Computed from other columns: it can't be written.</param>
/// <param name="IsExact">Equal means the same bytes; false with a case-insensitive collation.</param>
internal sealed record CatalogueColumn(string Name, string Type, bool IsRequired, bool HasValue, bool IsGenerated, bool IsExact);
