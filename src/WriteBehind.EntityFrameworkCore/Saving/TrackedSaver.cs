using System.Data;
using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Loading;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>
/// Saves a batch through SaveChanges, for what arrays can't carry. The guards are those of <see cref="GuardedBatch"/>, in the same
/// transaction: it locks the rows there are and learns their versions before anything is changed.
/// </summary>
internal sealed class TrackedSaver<TState>(
    string type, EntityMap map, IRowSource<TState> source, StateCopier<TState> copier, FlushLock flushLock)
    : ISaver<TState>
    where TState : class
{
    private readonly string _lockRows = BulkStatements.LockingLookUp(map.Table, map.Key, map.VersionColumn);
    private readonly string _rowSecurity = RowSecurity.Sql(map.Table);
    private readonly string _lookUp = BulkStatements.PlainLookUp(map.Table, map.Key, map.VersionColumn);
    private readonly Expression<Func<TState, LoadedRow<TState>>> _projection = ModelQuery.Projection<TState>(map);

    public Task<SaveResult[]> SaveAsync(
        RentedContext rented, IReadOnlyList<SaveItem<TState>> items, FlushTerms terms, CancellationToken cancellationToken)
    {
        var results = new SaveResult[items.Count];
        var rows = new KeySet(map.Key, items.Count);
        for (var i = 0; i < items.Count; i++)
        {
            if (rows.TryAdd(items[i].Id, items[i].Version, i) is { } reason)
            {
                results[i] = new SaveResult(SaveOutcome.Rejected, Error: new InvalidEntityIdException(type, items[i].Id, reason));
            }
        }

        if (rows.Count == 0)
        {
            return Task.FromResult(results);
        }

        return new SingleAttempt(rented.Context).ExecuteAsync(
            (self: this, rented, items, rows, terms, results),
            static async (_, s, token) =>
            {
                await s.self.SaveAsync(s.rented, s.items, s.rows, s.terms, s.results, token).ConfigureAwait(false);
                return s.results;
            },
            verifySucceeded: null,
            cancellationToken);
    }

    private async Task SaveAsync(
        RentedContext rented,
        IReadOnlyList<SaveItem<TState>> items,
        KeySet rows,
        FlushTerms terms,
        SaveResult[] results,
        CancellationToken token)
    {
        var transaction = await rented.Context.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, token).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var (stored, expired) = await LockAsync(rented, (NpgsqlTransaction)transaction.GetDbTransaction(), items, rows, terms, token)
                .ConfigureAwait(false);
            var mayBeHidden = Enumerable.Range(0, rows.Count).Any(row => stored[row] is null && items[rows.Position(row)].IsDelete)
                && await MayBeHiddenAsync(rented.Connection, token).ConfigureAwait(false);
            var same = await FindSameAsync(rented.Context, transaction, items, rows, stored, token).ConfigureAwait(false);
            var todo = Decide(items, rows, stored, same, expired, mayBeHidden, results);
            if (todo.Count == 0)
            {
                return;
            }

            await ChangeAsync(rented.Context, todo, token).ConfigureAwait(false);

            // SaveChanges takes several round trips and its statements can't check the deadline themselves; and what became of the rows may
            // not be what was asked for: interceptors and triggers make updates of deletes, or leave rows out.
            var changed = rows.Pick([.. todo.Select(change => change.Row)]);
            if (await CheckAsync(rented.Connection, changed, todo, terms, token).ConfigureAwait(false))
            {
                foreach (var change in todo)
                {
                    results[change.Position] = new SaveResult(SaveOutcome.Expired);
                }

                return;
            }

            await transaction.CommitAsync(token).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the guards, locks the rows there are, and returns their versions and whether the deadline is past.</summary>
    private async Task<(long?[] Stored, bool Expired)> LockAsync(
        RentedContext rented,
        NpgsqlTransaction transaction,
        IReadOnlyList<SaveItem<TState>> items,
        KeySet rows,
        FlushTerms terms,
        CancellationToken token)
    {
        var stored = new long?[rows.Count];
        var expired = true;
        var deletes = Enumerable.Range(0, rows.Count).Any(row => items[rows.Position(row)].IsDelete);
        var guarded = new GuardedBatch(rented.Connection, flushLock, exclusive: deletes, terms, transaction);
        await using (guarded.ConfigureAwait(false))
        {
            var lockRows = new NpgsqlBatchCommand(_lockRows);
            rows.AddKeysTo(lockRows.Parameters);
            guarded.AddGuarded(lockRows, async (reader, ct) =>
            {
                while (await reader.ReadAsync(ct).ConfigureAwait(false))
                {
                    stored[(int)reader.GetInt64(0) - 1] = reader.GetInt64(1);
                }
            });

            var clock = new NpgsqlBatchCommand(FlushTerms.IsPastSql);
            clock.Parameters.Add(terms.DeadlineParameter());
            guarded.AddGuarded(clock, async (reader, ct) =>
            {
                await reader.ReadAsync(ct).ConfigureAwait(false);
                expired = reader.GetBoolean(0);
            });
            await guarded.ExecuteAsync(prepare: false, token).ConfigureAwait(false);
        }

        return (stored, expired);
    }

    /// <summary>
    /// Which of the rows that have the version to be written have its content too, by their place in the batch. What a row becomes when the
    /// state is put in its place is seen by doing it, and taking it back: types, scales and converters are the database's and EF Core's.
    /// </summary>
    private async Task<HashSet<int>> FindSameAsync(
        DbContext context,
        IDbContextTransaction transaction,
        IReadOnlyList<SaveItem<TState>> items,
        KeySet rows,
        long?[] stored,
        CancellationToken token)
    {
        var same = new HashSet<int>();
        List<TrackedChange<TState>> equal =
        [
            .. Enumerable.Range(0, rows.Count)
                .Where(row => stored[row] == rows.Version(row) && !items[rows.Position(row)].IsDelete)
                .Select(row => new TrackedChange<TState>(items[rows.Position(row)], row, rows.Position(row), stored[row])),
        ];
        if (equal.Count == 0)
        {
            return same;
        }

        const string Savepoint = "writebehind_same";
        var before = await ContentsAsync(context, equal, token).ConfigureAwait(false);
        await transaction.CreateSavepointAsync(Savepoint, token).ConfigureAwait(false);
        await ChangeAsync(context, equal, token).ConfigureAwait(false);
        context.ChangeTracker.Clear();
        var after = await ContentsAsync(context, equal, token).ConfigureAwait(false);
        await transaction.RollbackToSavepointAsync(Savepoint, token).ConfigureAwait(false);
        same.UnionWith(equal
            .Where(change => before.TryGetValue(change.Item.Id, out var content) && content == after.GetValueOrDefault(change.Item.Id))
            .Select(static change => change.Position));
        return same;
    }

    /// <summary>The rows as they are loaded, as text, by id.</summary>
    private async Task<Dictionary<string, string>> ContentsAsync(
        DbContext context, List<TrackedChange<TState>> changes, CancellationToken token)
    {
        var rows = source.Rows(context, [.. changes.Select(static change => change.Item.Id)]);
        var loaded = await ModelQuery.LoadAsync(context, rows, _projection, token).ConfigureAwait(false);
        return loaded.ToDictionary(row => map.Key.ToId(row.Key), row => copier.Text(row.State), StringComparer.Ordinal);
    }

    private List<TrackedChange<TState>> Decide(
        IReadOnlyList<SaveItem<TState>> items,
        KeySet rows,
        long?[] stored,
        HashSet<int> same,
        bool expired,
        bool mayBeHidden,
        SaveResult[] results)
    {
        var todo = new List<TrackedChange<TState>>(rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            var position = rows.Position(row);
            var item = items[position];
            var isNewer = stored[row] is null ? !item.IsDelete : stored[row] < item.Version;
            if (isNewer && !expired)
            {
                todo.Add(new TrackedChange<TState>(item, row, position, stored[row]));
                results[position] = new SaveResult(SaveOutcome.Applied, item.Version);
            }
            else
            {
                results[position] = item.IsDelete
                    ? SkippedRow.OfDelete(item.Version, stored[row], expired, mayBeHidden, type)
                    : SkippedRow.OfPut(item.Version, stored[row], same.Contains(position), expired, type);
            }
        }

        return todo;
    }

    private async Task ChangeAsync(DbContext context, List<TrackedChange<TState>> todo, CancellationToken token)
    {
        context.ChangeTracker.LazyLoadingEnabled = false;
        context.Database.AutoSavepointsEnabled = false;
        var ids = todo.Where(change => change.Exists).Select(change => change.Item.Id).ToList();
        var existing = ids.Count == 0 ? [] : await source.Rows(context, ids).AsTracking().ToListAsync(token).ConfigureAwait(false);
        var changes = new TrackedChanges<TState>(context, map, copier, existing);
        foreach (var change in todo)
        {
            changes.Add(change);
        }

        try
        {
            await changes.SaveAsync(token).ConfigureAwait(false);
        }
        catch (DbUpdateConcurrencyException e)
        {
            // The rows are locked, and their versions were looked at: nobody else has changed them.
            throw SkippedRow.NotDone(type, e.Entries.Any(entry => entry.State == EntityState.Deleted), e);
        }
        catch (DbUpdateException e) when (IsRacingInsert(e))
        {
            throw new SinkException(
                SinkFailure.Contention,
                $"Another transaction inserted a row of '{type}' at the same moment.",
                PostgresErrorCodes.UniqueViolation,
                type,
                cause: e);
        }
    }

    private bool IsRacingInsert(DbUpdateException error)
        => error.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } refused
            && refused.ConstraintName == map.EntityType.FindPrimaryKey()!.GetName();

    private async Task<bool> MayBeHiddenAsync(NpgsqlConnection connection, CancellationToken token)
    {
        var command = new NpgsqlCommand(_rowSecurity, connection);
        await using (command.ConfigureAwait(false))
        {
            return (bool)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        }
    }

    /// <summary>Whether the deadline is past.</summary>
    /// <exception cref="SinkException">A row is not as it was to become; nothing may be committed.</exception>
    private async Task<bool> CheckAsync(
        NpgsqlConnection connection, KeySet rows, List<TrackedChange<TState>> todo, FlushTerms terms, CancellationToken token)
    {
        var batch = new NpgsqlBatch(connection);
        await using (batch.ConfigureAwait(false))
        {
            var clock = new NpgsqlBatchCommand(FlushTerms.IsPastSql);
            clock.Parameters.Add(terms.DeadlineParameter());
            batch.BatchCommands.Add(clock);
            var lookUp = new NpgsqlBatchCommand(_lookUp);
            rows.AddKeysTo(lookUp.Parameters);
            batch.BatchCommands.Add(lookUp);
            var reader = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                var isPast = reader.GetBoolean(0);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var stored = new long?[rows.Count];
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    stored[(int)reader.GetInt64(0) - 1] = reader.GetInt64(1);
                }

                for (var row = 0; row < rows.Count; row++)
                {
                    var isDone = todo[row].Item.IsDelete ? stored[row] is null : stored[row] is not null && stored[row] != todo[row].Stored;
                    if (!isDone)
                    {
                        throw SkippedRow.NotDone(type, todo[row].Item.IsDelete);
                    }
                }

                return isPast;
            }
        }
    }
}

/// <summary>
/// Runs an operation once, and keeps a retrying strategy of the context from interfering (strategies inside another stand back): EF
/// Core refuses a transaction of our own under such a strategy, and a retry must ask for the lease again, which is the flush pipeline's.
/// </summary>
internal sealed class SingleAttempt(DbContext context) : ExecutionStrategy(context, maxRetryCount: 0, maxRetryDelay: TimeSpan.Zero)
{
    protected override bool ShouldRetryOn(Exception exception) => false;
}
