using Npgsql;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>Finds out why rows were neither written nor deleted.</summary>
internal sealed class SkippedRowLookUp(NpgsqlConnection connection, string lookUpSql, string type, FlushTerms terms, SaveResult[] results)
{
    public async Task RunAsync(KeySet puts, KeySet deletes, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection) { Timeout = (int)Math.Ceiling(terms.Patience.TotalSeconds) };
        await using (batch.ConfigureAwait(false))
        {
            // If rows were skipped for the deadline, it is past by now.
            var clock = new NpgsqlBatchCommand(FlushTerms.IsPastSql);
            clock.Parameters.Add(terms.DeadlineParameter());
            batch.BatchCommands.Add(clock);
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
                var expired = reader.GetBoolean(0);
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var stored = await ReadVersionsAsync(reader, puts.Count, cancellationToken).ConfigureAwait(false);
                Report(puts, (row) => SkippedRow.OfPut(puts.Version(row), stored[row], expired, type));
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                stored = await ReadVersionsAsync(reader, deletes.Count, cancellationToken).ConfigureAwait(false);
                Report(deletes, (row) => SkippedRow.OfDelete(deletes.Version(row), stored[row], expired, type));
            }
        }
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
