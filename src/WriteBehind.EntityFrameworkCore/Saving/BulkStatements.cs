using Npgsql;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>
/// The statements of one table, built once. Their parameters are arrays, so the texts never change with the size of a batch and
/// each is prepared once per connection.
/// </summary>
internal sealed class BulkStatements
{
    private readonly Func<IReadOnlyDictionary<string, string>, string?> _same;

    private BulkStatements(string upsert, string delete, string lookUp, Func<IReadOnlyDictionary<string, string>, string?> same)
    {
        Upsert = upsert;
        Delete = delete;
        LookUp = lookUp;
        _same = same;
    }

    /// <summary>Parameters: keys, versions, columns, deadline. Returns the keys written.</summary>
    public string Upsert { get; }

    /// <summary>Parameters: keys, versions, deadline. Returns the rows (from 1) that were deleted.</summary>
    public string Delete { get; }

    /// <summary>Parameters: keys. Returns the rows (from 1) that exist, and their versions.</summary>
    public string LookUp { get; }

    /// <summary>
    /// Parameters: keys, versions, columns. Returns the rows (from 1) that exist with that version and content. Null where there is no
    /// column to compare.
    /// </summary>
    /// <param name="types">The types of the table's columns as the database has them, with length and precision.</param>
    public string? SameContent(IReadOnlyDictionary<string, string> types) => _same(types);

    public static BulkStatements Of<TState>(BulkTable<TState> table)
    {
        var keys = Keys(table.Key);
        var (fixedName, fixedValue) = table.FixedKey is { } fixedKey ? (SqlName.Quote(fixedKey.Key), fixedKey.Value) : (null, null);
        var version = SqlName.Quote(table.VersionColumn);
        var here = fixedName is null ? Here(table.Key) : $"t.{fixedName} = {fixedValue} AND {Here(table.Key)}";
        var keyArrays = string.Join(", ", keys.Select(k => k.Array));
        var keyAliases = string.Join(", ", keys.Select(k => k.Alias));
        var versionParameter = keys.Count + 1;

        var columns = table.Columns
            .Select((c, i) => (
                Name: SqlName.Quote(c.Name), Alias: $"c{i}", Array: $"${versionParameter + 1 + i}::{c.Wire.SqlType}[]", c.InsertOnly))
            .ToList();
        var touched = table.TouchedColumn is { } touchedColumn ? SqlName.Quote(touchedColumn) : null;

        string?[] names = [fixedName, .. keys.Select(k => k.Name), version, .. columns.Select(c => c.Name), touched];
        string?[] values =
            [
                fixedValue,
                .. keys.Select(k => $"i.{k.Alias}"),
                "i.v",
                .. columns.Select(c => $"i.{c.Alias}"),
                touched is null ? null : "now()"];
        string[] arrays = [keyArrays, $"${versionParameter}::bigint[]", .. columns.Select(c => c.Array)];
        string[] aliases = [keyAliases, "v", .. columns.Select(c => c.Alias)];
        string?[] conflict = [fixedName, .. keys.Select(k => k.Name)];
        string?[] changes = [version, .. columns.Where(c => !c.InsertOnly).Select(c => c.Name), touched];
        var deadline = $"${versionParameter + columns.Count + 1}";

        // OVERRIDING SYSTEM VALUE: keys come from ids, also where the column is GENERATED ALWAYS AS IDENTITY. Elsewhere it does nothing.
        var upsert = $"""
            INSERT INTO {table.Name} AS t ({List(names)})
            OVERRIDING SYSTEM VALUE
            SELECT {List(values)}
            FROM unnest({List(arrays)}) AS i({List(aliases)})
            WHERE clock_timestamp() < {deadline}
            ON CONFLICT ({List(conflict)}) DO UPDATE SET {List(changes.Where(c => c is not null).Select(c => $"{c} = excluded.{c}"))}
            WHERE t.{version} < excluded.{version} AND clock_timestamp() < {deadline}
            RETURNING {List(keys.Select(k => $"t.{k.Name}"))}
            """;
        var delete = $"""
            DELETE FROM {table.Name} AS t
            USING unnest({keyArrays}, ${versionParameter}::bigint[]) WITH ORDINALITY AS i({keyAliases}, v, n)
            WHERE {here} AND t.{version} < i.v AND clock_timestamp() < ${versionParameter + 1}
            RETURNING i.n
            """;
        var compared = table.Columns.Zip(columns).Where(static c => !c.First.InsertOnly).ToList();

        // Values are brought to the column's own type first, as they were when they were written: scale, padding and the order of members
        // in jsonb do not count. *= compares what is stored, so that types without an equality, and texts that differ in case only, are
        // told apart too. (Without the casts to record PostgreSQL would look for a *= of each column's type.)
        string? Same(IReadOnlyDictionary<string, string> types) => compared.Count == 0
            ? null
            : $"""
                SELECT i.n
                FROM unnest({List(arrays)}) WITH ORDINALITY AS i({List(aliases)}, n)
                JOIN {table.Name} AS t ON {here} AND t.{version} = i.v
                WHERE ROW({List(compared.Select(c => $"t.{c.Second.Name}"))})::record
                    *= ROW({List(compared.Select(c => $"i.{c.Second.Alias}::{types[c.First.Name]}"))})::record
                """;
        return new BulkStatements(upsert, delete, LookUpOf(table.Name, table.Key, version, here, forUpdate: false), Same);
    }

    /// <summary>The look-up of a table whose key is the id alone, for those who have no other use for the statements.</summary>
    public static string PlainLookUp(string table, TableKey key, string versionColumn)
        => LookUpOf(table, key, SqlName.Quote(versionColumn), Here(key), forUpdate: false);

    /// <summary>The look-up that also locks the rows, in the order of the batch, for those who change them in a later statement.</summary>
    public static string LockingLookUp(string table, TableKey key, string versionColumn)
        => LookUpOf(table, key, SqlName.Quote(versionColumn), Here(key), forUpdate: true);

    private static string Here(TableKey key) => string.Join(" AND ", Keys(key).Select(k => $"t.{k.Name} = i.{k.Alias}"));

    private static string LookUpOf(string table, TableKey key, string version, string here, bool forUpdate)
    {
        var keys = Keys(key);
        return $"""
            SELECT i.n, t.{version}
            FROM unnest({List(keys.Select(k => k.Array))}) WITH ORDINALITY AS i({List(keys.Select(k => k.Alias))}, n)
            JOIN {table} AS t ON {here}{(forUpdate ? "\nORDER BY i.n FOR UPDATE OF t" : "")}
            """;
    }

    private static List<(string Name, string Alias, string Array)> Keys(TableKey key)
        => [.. key.Columns.Select((c, i) => (SqlName.Quote(c.Name), $"k{i}", $"${i + 1}::{c.SqlType}[]"))];

    private static string List(IEnumerable<string?> parts) => string.Join(", ", parts.Where(part => part is not null));
}

/// <summary>
/// The types of a table's columns as the database has them, with length and precision. Read when they are needed, which is rarely.
/// </summary>
internal static class ColumnTypes
{
    private const string Sql = """
        SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
        FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
        """;

    /// <param name="connection">An open connection.</param>
    /// <param name="table">The table as SQL writes it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<IReadOnlyDictionary<string, string>> ReadAsync(
        NpgsqlConnection connection, string table, CancellationToken cancellationToken)
    {
        var types = new Dictionary<string, string>(StringComparer.Ordinal);
        var command = new NpgsqlCommand(Sql, connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = table });
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    types[reader.GetString(0)] = reader.GetString(1);
                }
            }
        }

        return types;
    }
}
