using Npgsql;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>Finds out why rows were neither written nor deleted.</summary>
internal sealed class SkippedRowLookUp(
    NpgsqlConnection connection, string lookUpSql, string rowSecuritySql, string type, FlushTerms terms, SaveResult[] results)
{
    /// <param name="puts">The rows that were not written.</param>
    /// <param name="deletes">The rows that were not deleted.</param>
    /// <param name="findSame">
    /// Finds the entities, by their place in the batch, whose row has the version and the content that were to be written. Asked only where
    /// a row has that version.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RunAsync(
        KeySet puts, KeySet deletes, Func<CancellationToken, Task<IReadOnlySet<int>>> findSame, CancellationToken cancellationToken)
    {
        bool expired;
        long?[] stored;
        var batch = new NpgsqlBatch(connection) { Timeout = (int)Math.Ceiling(terms.Patience.TotalSeconds) };
        await using (batch.ConfigureAwait(false))
        {
            // If rows were skipped for the deadline, it is past by now.
            var clock = new NpgsqlBatchCommand(FlushTerms.IsPastSql);
            clock.Parameters.Add(terms.DeadlineParameter());
            batch.BatchCommands.Add(clock);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(rowSecuritySql));
            foreach (var rows in (KeySet[])[puts, deletes])
            {
                var lookUp = new NpgsqlBatchCommand(lookUpSql);
                rows.AddKeysTo(lookUp.Parameters);
                batch.BatchCommands.Add(lookUp);
            }

            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                expired = reader.GetBoolean(0);
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                var mayBeHidden = reader.GetBoolean(0);
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                stored = await ReadVersionsAsync(reader, puts.Count, cancellationToken).ConfigureAwait(false);
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var left = await ReadVersionsAsync(reader, deletes.Count, cancellationToken).ConfigureAwait(false);
                Report(deletes, row => SkippedRow.OfDelete(deletes.Version(row), left[row], expired, mayBeHidden, type));
            }
        }

        var areEqual = Enumerable.Range(0, puts.Count).Any(row => stored[row] == puts.Version(row));
        var same = areEqual ? await findSame(cancellationToken).ConfigureAwait(false) : null;
        Report(puts, row => SkippedRow.OfPut(puts.Version(row), stored[row], same?.Contains(puts.Position(row)) == true, expired, type));
    }

    /// <summary>The stored versions by row; null where there is none.</summary>
    private static async Task<long?[]> ReadVersionsAsync(NpgsqlDataReader reader, int count, CancellationToken cancellationToken)
    {
        var versions = new long?[count];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            versions[(int)reader.GetInt64(0) - 1] = reader.GetInt64(1);
        }

        return versions;
    }

    private void Report(KeySet rows, Func<int, SaveResult> outcome)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            results[rows.Position(row)] = outcome(row);
        }
    }
}

/// <summary>
/// Row-level security may hide a row from deletes and look-ups alike: to this role it then looks deleted, while it is there. So where
/// policies apply that let not everything be seen, that a row is not found proves nothing.
/// </summary>
internal static class RowSecurity
{
    /// <summary>One row, one column: whether rows of the table may be hidden from the current role.</summary>
    /// <param name="table">The table as SQL writes it.</param>
    public static string Sql(string table) => $"""
        SELECT row_security_active(c.oid) AND NOT (
            SELECT bool_and(coalesce(seen, false)) FROM (VALUES ('r'), ('w'), ('d')) AS needed(cmd), LATERAL (
                SELECT bool_or(p.polpermissive AND pg_get_expr(p.polqual, p.polrelid) = 'true') AND bool_and(p.polpermissive) AS seen
                FROM pg_policy p
                WHERE p.polrelid = c.oid AND p.polcmd::text IN (needed.cmd, '*') AND (0 = ANY (p.polroles)
                    OR EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r <> 0 AND pg_has_role(r, 'USAGE')))) AS policies)
        FROM pg_class c WHERE c.oid = {SqlName.Literal(table)}::regclass
        """;

    /// <summary>That nobody knows whether a row is deleted.</summary>
    public static SinkException Hidden(string type) => new(
        SinkFailure.Entity,
        $"Whether the row of '{type}' is deleted can't be seen: row-level security may hide rows of its table from the role that " +
        "flushes. Give the role BYPASSRLS, or a policy FOR ALL ... USING (true).",
        entityType: type);
}
