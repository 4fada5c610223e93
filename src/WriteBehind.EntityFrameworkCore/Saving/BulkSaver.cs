using Npgsql;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>
/// Saves a batch with one upsert and one delete over arrays, in one round trip; a second one asks after the rows that neither of them
/// touched, where there are any.
/// </summary>
internal sealed class BulkSaver<TState>(string type, BulkTable<TState> table, FlushLock flushLock, bool prepare, PoolerWatch poolers)
    : ISaver<TState>
    where TState : class
{
    private readonly BulkStatements _statements = BulkStatements.Of(table);
    private readonly string _rowSecurity = RowSecurity.Sql(table.Name);

    public async Task<SaveResult[]> SaveAsync(
        RentedContext rented, IReadOnlyList<SaveItem<TState>> items, FlushTerms terms, CancellationToken cancellationToken)
    {
        var batch = new BulkBatch<TState>(type, table, items);
        if (batch.Puts.Count + batch.Deletes.Count == 0)
        {
            return batch.Results;
        }

        await WriteAsync(rented, batch, terms, cancellationToken).ConfigureAwait(false);
        var untouchedPuts = batch.Untouched(batch.Puts);
        var untouchedDeletes = batch.Untouched(batch.Deletes);
        if (untouchedPuts.Count + untouchedDeletes.Count > 0)
        {
            var lookUp = new SkippedRowLookUp(rented.Connection, _statements.LookUp, _rowSecurity, type, terms, batch.Results);
            await lookUp.RunAsync(
                untouchedPuts,
                untouchedDeletes,
                token => FindSameAsync(rented.Connection, batch, terms, token),
                cancellationToken).ConfigureAwait(false);
        }

        return batch.Results;
    }

    /// <summary>The entities, by their place in the batch, whose row is what was to be written: saved before, by this very write.</summary>
    private async Task<IReadOnlySet<int>> FindSameAsync(
        NpgsqlConnection connection, BulkBatch<TState> batch, FlushTerms terms, CancellationToken cancellationToken)
    {
        var puts = batch.Puts;
        var types = await ColumnTypes.ReadAsync(connection, table.Name, cancellationToken).ConfigureAwait(false);
        if (table.Columns.Any(column => !types.ContainsKey(column.Name)))
        {
            // Somebody drops columns at this moment: nothing is proven.
            return new HashSet<int>();
        }

        if (_statements.SameContent(types) is not { } sql)
        {
            // Nothing but key and version: those who have the same version have the same content.
            return Enumerable.Range(0, puts.Count).Select(puts.Position).ToHashSet();
        }

        try
        {
            return await FindSameAsync(sql, connection, batch, terms, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (SqlStates.Classify(e) is SinkFailure.Statement or SinkFailure.Entity)
        {
            // What can't be compared is not proven. The batch is saved; its other rows must not suffer for it.
            return new HashSet<int>();
        }
    }

    private static async Task<IReadOnlySet<int>> FindSameAsync(
        string sql, NpgsqlConnection connection, BulkBatch<TState> batch, FlushTerms terms, CancellationToken cancellationToken)
    {
        var puts = batch.Puts;
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)Math.Ceiling(terms.Patience.TotalSeconds) };
        await using (command.ConfigureAwait(false))
        {
            puts.AddKeysTo(command.Parameters);
            puts.AddVersionsTo(command.Parameters);
            foreach (var column in batch.Columns)
            {
                command.Parameters.Add(column.Clone());
            }

            var same = new HashSet<int>();
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    same.Add(puts.Position((int)reader.GetInt64(0) - 1));
                }
            }

            return same;
        }
    }

    private async Task WriteAsync(RentedContext rented, BulkBatch<TState> batch, FlushTerms terms, CancellationToken cancellationToken)
    {
        var guarded = new GuardedBatch(rented.Connection, flushLock, exclusive: batch.Deletes.Count > 0, terms);
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

            var mayPrepare = prepare
                && rented.MayPrepare
                && !await poolers.IsBetweenAsync(rented.Connection, cancellationToken).ConfigureAwait(false);
            await guarded.ExecuteAsync(mayPrepare, cancellationToken).ConfigureAwait(false);
        }
    }
}
