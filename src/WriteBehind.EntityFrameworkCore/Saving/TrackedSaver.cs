using System.Data;
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
            var todo = Decide(items, rows, stored, expired, results);
            if (todo.Count == 0)
            {
                return;
            }

            await ChangeAsync(rented.Context, todo, token).ConfigureAwait(false);

            // SaveChanges takes several round trips and its statements can't check the deadline themselves.
            if (await IsPastAsync(rented.Connection, terms, token).ConfigureAwait(false))
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

    private List<TrackedChange<TState>> Decide(
        IReadOnlyList<SaveItem<TState>> items, KeySet rows, long?[] stored, bool expired, SaveResult[] results)
    {
        var todo = new List<TrackedChange<TState>>(rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            var position = rows.Position(row);
            var item = items[position];
            var isNewer = stored[row] is null ? !item.IsDelete : stored[row] < item.Version;
            if (isNewer && !expired)
            {
                todo.Add(new TrackedChange<TState>(item, position, Exists: stored[row] is not null));
                results[position] = new SaveResult(SaveOutcome.Applied, item.Version);
            }
            else
            {
                results[position] = item.IsDelete
                    ? SkippedRow.OfDelete(item.Version, stored[row], expired, type)
                    : SkippedRow.OfPut(item.Version, stored[row], expired, type);
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

    private static async Task<bool> IsPastAsync(NpgsqlConnection connection, FlushTerms terms, CancellationToken token)
    {
        var command = new NpgsqlCommand(FlushTerms.IsPastSql, connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(terms.DeadlineParameter());
            return (bool)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
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
