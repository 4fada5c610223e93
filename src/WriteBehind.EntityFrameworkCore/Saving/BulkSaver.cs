using Npgsql;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>
/// Saves a batch with one upsert and one delete over arrays, in one round trip; a second one asks after the rows that neither of them
/// touched, where there are any.
/// </summary>
internal sealed class BulkSaver<TState>(string type, BulkTable<TState> table, FlushLock flushLock, bool prepare) : ISaver<TState>
    where TState : class
{
    private readonly BulkStatements _statements = BulkStatements.Of(table);

    public async Task<SaveResult[]> SaveAsync(
        RentedContext rented, IReadOnlyList<SaveItem<TState>> items, FlushTerms terms, CancellationToken cancellationToken)
    {
        var batch = new BulkBatch<TState>(type, table, items);
        if (batch.Puts.Count + batch.Deletes.Count == 0)
        {
            return batch.Results;
        }

        try
        {
            await WriteAsync(rented.Connection, batch, terms, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (SqlStates.InvalidatesPreparedStatements(e))
        {
            NpgsqlConnection.ClearPool(rented.Connection);
            throw;
        }

        var untouchedPuts = batch.Untouched(batch.Puts);
        var untouchedDeletes = batch.Untouched(batch.Deletes);
        if (untouchedPuts.Count + untouchedDeletes.Count > 0)
        {
            var lookUp = new SkippedRowLookUp(rented.Connection, _statements.LookUp, type, terms, batch.Results);
            await lookUp.RunAsync(untouchedPuts, untouchedDeletes, cancellationToken).ConfigureAwait(false);
        }

        return batch.Results;
    }

    private async Task WriteAsync(
        NpgsqlConnection connection, BulkBatch<TState> batch, FlushTerms terms, CancellationToken cancellationToken)
    {
        var guarded = new GuardedBatch(connection, flushLock, exclusive: batch.Deletes.Count > 0, terms);
        await using (guarded.ConfigureAwait(false))
        {
            if (batch.Puts.Count > 0)
            {
                var upsert = new NpgsqlBatchCommand(_statements.Upsert);
                batch.Puts.AddKeysTo(upsert.Parameters);
                batch.Puts.AddVersionsTo(upsert.Parameters);
                foreach (var column in batch.Columns)
                {
                    upsert.Parameters.Add(column);
                }

                upsert.Parameters.Add(terms.DeadlineParameter());
                guarded.AddGuarded(upsert, batch.ReadWrittenAsync);
            }

            if (batch.Deletes.Count > 0)
            {
                var delete = new NpgsqlBatchCommand(_statements.Delete);
                batch.Deletes.AddKeysTo(delete.Parameters);
                batch.Deletes.AddVersionsTo(delete.Parameters);
                delete.Parameters.Add(terms.DeadlineParameter());
                guarded.AddGuarded(delete, batch.ReadDeletedAsync);
            }

            await guarded.ExecuteAsync(prepare, cancellationToken).ConfigureAwait(false);
        }
    }
}
