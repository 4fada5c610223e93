using Npgsql;
using WriteBehind.EntityFrameworkCore.Model;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>A batch column by column, and what became of its items.</summary>
internal sealed class BulkBatch<TState>
    where TState : class
{
    private readonly bool[] _touched;

    /// <summary>Takes the items apart; those whose id is no key, or whose values can't be read, are rejected and left out.</summary>
    public BulkBatch(string type, BulkTable<TState> table, IReadOnlyList<SaveItem<TState>> items)
    {
        Results = new SaveResult[items.Count];
        _touched = new bool[items.Count];
        var deletes = 0;
        for (var i = 0; i < items.Count; i++)
        {
            deletes += items[i].IsDelete ? 1 : 0;
        }

        // Nearly always once: again only when a state's getter or converter threw, without the item concerned.
        do
        {
            Puts = new KeySet(table.Key, items.Count - deletes);
            Deletes = new KeySet(table.Key, deletes);
        }
        while (!TryRead(type, table, items));
    }

    /// <summary>The outcomes, in the order of the items.</summary>
    public SaveResult[] Results { get; }

    /// <summary>The rows to write.</summary>
    public KeySet Puts { get; private set; }

    /// <summary>The rows to delete.</summary>
    public KeySet Deletes { get; private set; }

    /// <summary>The columns of the rows to write, as array parameters.</summary>
    public IReadOnlyList<NpgsqlParameter> Columns { get; private set; } = [];

    /// <summary>Takes note of the keys that the upsert returned.</summary>
    public async Task ReadWrittenAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var next = 0;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            // A key that was not sent is nobody's: the entity whose key a trigger changed is found not to be written.
            if (Puts.Find(reader, hint: next) is >= 0 and var row)
            {
                Touch(Puts, row);
                next = row + 1;
            }
        }
    }

    /// <summary>Takes note of the rows that were deleted.</summary>
    public async Task ReadDeletedAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            Touch(Deletes, (int)reader.GetInt64(0) - 1);
        }
    }

    /// <summary>The rows that were not written or deleted.</summary>
    public KeySet Untouched(KeySet rows)
    {
        List<int>? untouched = null;
        for (var row = 0; row < rows.Count; row++)
        {
            if (!_touched[rows.Position(row)])
            {
                (untouched ??= []).Add(row);
            }
        }

        return rows.Pick(untouched ?? []);
    }

    private bool TryRead(string type, BulkTable<TState> table, IReadOnlyList<SaveItem<TState>> items)
    {
        var states = new TState[items.Count];
        for (var i = 0; i < items.Count; i++)
        {
            if (Results[i].Outcome == SaveOutcome.Rejected)
            {
                continue;
            }

            var item = items[i];
            var rows = item.IsDelete ? Deletes : Puts;
            if (!item.IsDelete)
            {
                states[rows.Count] = item.State!;
            }

            if (rows.TryAdd(item.Id, item.Version, i) is { } reason)
            {
                Results[i] = new SaveResult(SaveOutcome.Rejected, Error: new InvalidEntityIdException(type, item.Id, reason));
            }
        }

        try
        {
            Columns = [.. table.Columns.Select(column => column.Read(states.AsSpan(0, Puts.Count)))];
            return true;
        }
        catch (ColumnReadException e)
        {
            Results[Puts.Position(e.Row)] = new SaveResult(SaveOutcome.Rejected, Error: e);
            return false;
        }
    }

    private void Touch(KeySet rows, int row)
    {
        _touched[rows.Position(row)] = true;
        Results[rows.Position(row)] = new SaveResult(SaveOutcome.Applied, rows.Version(row));
    }
}

/// <summary>A state's value for a column can't be read: its getter or its value converter threw. Only that state is to blame.</summary>
internal sealed class ColumnReadException(string column, int row, Exception cause)
    : Exception($"The value for column \"{column}\" can't be read: {cause.Message}", cause)
{
    /// <summary>The state, by its place among those read.</summary>
    public int Row => row;
}
