using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore;

/// <summary>
/// The SQL of the triggers that tell a cache which rows changed, whoever changed them. Run it once, in a migration
/// (<c>migrationBuilder.Sql</c>) for example; running it again does no harm. The listener is
/// <see cref="Microsoft.Extensions.DependencyInjection.WriteBehindBuilderCacheInvalidationExtensions.AddPostgresInvalidation{TContext}"/>.
/// </summary>
/// <remarks>
/// <para>
/// One trigger per statement, not per row: it sends the keys of all rows that the statement changed, packed into as few notifications as
/// they fit, or, for more than 1,000 rows and for TRUNCATE, one that empties the cache. PostgreSQL delivers them when the transaction
/// commits. Changes that come by logical replication fire triggers only with <c>ALTER TABLE … ENABLE ALWAYS TRIGGER</c>. A row whose key
/// is NULL can be in no cache and is passed over.
/// </para>
/// <para>
/// PostgreSQL does not prepare a transaction that has notified anybody: a transaction that changes such a table and is to end with
/// <c>PREPARE TRANSACTION</c> fails there (0A000). Such programs must leave the triggers out (<c>SET LOCAL session_replication_role =
/// replica</c>, or no triggers on the table) and remove the entries themselves.
/// </para>
/// </remarks>
public static class CacheInvalidationSql
{
    private static readonly string[] Kinds = ["ins", "upd", "del", "trn"];

    /// <summary>The function and the triggers for the table of an entity.</summary>
    /// <param name="model">The model of the context, <c>context.Model</c>.</param>
    /// <param name="cache">The name of the cache.</param>
    /// <exception cref="ArgumentException">The model has no table for it.</exception>
    public static string Create<TEntity>(IModel model, string cache)
        where TEntity : class
    {
        ArgumentNullException.ThrowIfNull(model);
        var entity = model.FindEntityType(typeof(TEntity));
        if (entity?.GetTableName() is not { } table || entity.FindPrimaryKey() is not { } key)
        {
            throw new ArgumentException($"{typeof(TEntity).Name} is not mapped to a table with a key.", nameof(model));
        }

        var stored = StoreObjectIdentifier.Table(table, entity.GetSchema());
        return Create(cache, [.. key.Properties.Select(property => property.GetColumnName(stored)!)], table, entity.GetSchema());
    }

    /// <summary>The same for any table.</summary>
    /// <param name="cache">The name of the cache.</param>
    /// <param name="keyColumns">The columns of the key, in the order that the ids have them.</param>
    /// <param name="table">The table.</param>
    /// <param name="schema">Its schema; null where the search path finds it.</param>
    public static string Create(string cache, IReadOnlyList<string> keyColumns, string table, string? schema = null)
    {
        ArgumentNullException.ThrowIfNull(keyColumns);
        var (on, function, channel) =
            (SqlName.Table(schema, table), SqlName.Table(schema, $"wb_notify_{cache}"), SqlName.Literal(ChannelOf(cache)));
        var id = IdOf(keyColumns);
        return $"""
            CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $wb$
            #variable_conflict use_column
            DECLARE
              wb_ids text[];
              wb_id text;
              wb_piece text;
              wb_message text := '';
            BEGIN
              IF TG_OP = 'INSERT' THEN
                wb_ids := ARRAY(SELECT DISTINCT {id} FROM new_rows LIMIT 1001);
              ELSIF TG_OP = 'UPDATE' THEN
                wb_ids := ARRAY(SELECT {id} FROM new_rows UNION SELECT {id} FROM old_rows LIMIT 1001);
              ELSIF TG_OP = 'DELETE' THEN
                wb_ids := ARRAY(SELECT DISTINCT {id} FROM old_rows LIMIT 1001);
              END IF;
              IF TG_OP = 'TRUNCATE' OR cardinality(wb_ids) > 1000 THEN
                PERFORM pg_notify({channel}, '*');
                RETURN NULL;
              END IF;
              FOREACH wb_id IN ARRAY wb_ids LOOP
                CONTINUE WHEN wb_id IS NULL OR octet_length(wb_id) NOT BETWEEN 1 AND 512; -- no id of a cache
                wb_piece := to_json(wb_id)::text;
                IF wb_message <> '' AND octet_length(wb_message) + octet_length(wb_piece) > 7000 THEN
                  PERFORM pg_notify({channel}, '[' || wb_message || ']');
                  wb_message := '';
                END IF;
                wb_message := wb_message || CASE WHEN wb_message = '' THEN '' ELSE ',' END || wb_piece;
              END LOOP;
              IF wb_message <> '' THEN
                PERFORM pg_notify({channel}, '[' || wb_message || ']');
              END IF;
              RETURN NULL;
            END
            $wb$;
            DROP TRIGGER IF EXISTS {SqlName.Quote($"wb_ins_{cache}")} ON {on};
            CREATE TRIGGER {SqlName.Quote($"wb_ins_{cache}")} AFTER INSERT ON {on}
              REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
            DROP TRIGGER IF EXISTS {SqlName.Quote($"wb_upd_{cache}")} ON {on};
            CREATE TRIGGER {SqlName.Quote($"wb_upd_{cache}")} AFTER UPDATE ON {on}
              REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
            DROP TRIGGER IF EXISTS {SqlName.Quote($"wb_del_{cache}")} ON {on};
            CREATE TRIGGER {SqlName.Quote($"wb_del_{cache}")} AFTER DELETE ON {on}
              REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
            DROP TRIGGER IF EXISTS {SqlName.Quote($"wb_trn_{cache}")} ON {on};
            CREATE TRIGGER {SqlName.Quote($"wb_trn_{cache}")} AFTER TRUNCATE ON {on} FOR EACH STATEMENT EXECUTE FUNCTION {function}();

            """;
    }

    /// <summary>Takes the triggers and the function away again.</summary>
    public static string Drop(string cache, string table, string? schema = null)
        => string.Concat(Kinds.Select(
            kind => $"DROP TRIGGER IF EXISTS {SqlName.Quote($"wb_{kind}_{cache}")} ON {SqlName.Table(schema, table)};\n"))
            + $"DROP FUNCTION IF EXISTS {SqlName.Table(schema, $"wb_notify_{cache}")}();\n";

    internal static string ChannelOf(string cache) => $"write_behind_{cache}";

    /// <summary>The id of a row, as <see cref="EntityId"/> has it.</summary>
    private static string IdOf(IReadOnlyList<string> columns)
        => columns.Count == 1
            ? $"{SqlName.Quote(columns[0])}::text"
            : string.Join(
                " || '|' || ", columns.Select(column => $@"replace(replace({SqlName.Quote(column)}::text, '\', '\\'), '|', '\|')"));
}
