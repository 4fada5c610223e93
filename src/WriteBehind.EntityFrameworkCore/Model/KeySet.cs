using Npgsql;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>The keys and versions of the rows of one statement, column by column, as PostgreSQL gets them.</summary>
internal sealed class KeySet
{
    private readonly TableKey _key;
    private readonly KeyValues[] _columns;
    private readonly long[] _versions;
    private readonly int[] _positions;

    public KeySet(TableKey key, int capacity)
        : this(key, [.. key.Columns.Select(column => column.Allocate(capacity))], new long[capacity], new int[capacity])
    {
    }

    private KeySet(TableKey key, KeyValues[] columns, long[] versions, int[] positions)
    {
        _key = key;
        _columns = columns;
        _versions = versions;
        _positions = positions;
    }

    /// <summary>The rows so far.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a row; null where the id is a key of the table, else why not (and nothing is added).</summary>
    /// <param name="id">The entity's id.</param>
    /// <param name="version">Its version.</param>
    /// <param name="position">Where the entity stands in the batch.</param>
    public string? TryAdd(string id, long version, int position)
    {
        if (_columns.Length == 1)
        {
            if (_columns[0].TrySet(Count, id) is { } wrong)
            {
                return wrong;
            }
        }
        else
        {
            var error = _key.Split(id, out var parts);
            for (var i = 0; error is null && i < _columns.Length; i++)
            {
                error = _columns[i].TrySet(Count, parts[i]);
            }

            if (error is not null)
            {
                return error;
            }
        }

        _versions[Count] = version;
        _positions[Count++] = position;
        return null;
    }

    /// <summary>Where a row stands in the batch.</summary>
    public int Position(int row) => _positions[row];

    /// <summary>The version of a row.</summary>
    public long Version(int row) => _versions[row];

    /// <summary>Adds the key columns as array parameters.</summary>
    public void AddKeysTo(NpgsqlParameterCollection parameters)
    {
        foreach (var column in _columns)
        {
            parameters.Add(column.ToParameter(Count));
        }
    }

    /// <summary>Adds the versions as an array parameter.</summary>
    public void AddVersionsTo(NpgsqlParameterCollection parameters)
        => parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Count == _versions.Length ? _versions : _versions[..Count] });

    /// <summary>Some of the rows, in that order.</summary>
    public KeySet Pick(IReadOnlyList<int> rows) => new(
        _key,
        [.. _columns.Select(column => column.Pick(rows))],
        [.. rows.Select(row => _versions[row])],
        [.. rows.Select(row => _positions[row])])
    {
        Count = rows.Count,
    };

    /// <summary>
    /// The row whose key the reader has in its first columns; -1 where none has it, since a trigger changed the key. Looks from
    /// <paramref name="hint"/> on and then from the start: PostgreSQL returns the rows in the order they were sent, so the first look
    /// nearly always finds it.
    /// </summary>
    public int Find(NpgsqlDataReader reader, int hint)
    {
        for (var i = 0; i < Count; i++)
        {
            var row = (hint + i) % Count;
            if (Matches(reader, row))
            {
                return row;
            }
        }

        return -1;
    }

    private bool Matches(NpgsqlDataReader reader, int row)
    {
        for (var i = 0; i < _columns.Length; i++)
        {
            if (!_columns[i].Matches(reader, i, row))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>The values of one key column for the rows of a batch.</summary>
internal abstract class KeyValues
{
    /// <summary>Reads the value of a row from id text; null where it could, else why not.</summary>
    public abstract string? TrySet(int row, string text);

    /// <summary>The first <paramref name="count"/> values as an array parameter.</summary>
    public abstract NpgsqlParameter ToParameter(int count);

    /// <summary>The values of some rows, in that order.</summary>
    public abstract KeyValues Pick(IReadOnlyList<int> rows);

    /// <summary>Whether the current row of the reader has this row's value in a column.</summary>
    public abstract bool Matches(NpgsqlDataReader reader, int ordinal, int row);
}

/// <inheritdoc />
internal sealed class KeyValues<T>(KeyColumn<T> column, int capacity) : KeyValues
    where T : notnull
{
    private readonly T[] _values = new T[capacity];

    public override string? TrySet(int row, string text) => column.Read(text, out _values[row]);

    public override NpgsqlParameter ToParameter(int count) => new NpgsqlParameter<T[]>
    {
        TypedValue = count == _values.Length ? _values : _values[..count],
        NpgsqlDbType = NpgsqlDbType.Array | column.DbType,
    };

    public override KeyValues Pick(IReadOnlyList<int> rows)
    {
        var picked = new KeyValues<T>(column, rows.Count);
        for (var i = 0; i < rows.Count; i++)
        {
            picked._values[i] = _values[rows[i]];
        }

        return picked;
    }

    public override bool Matches(NpgsqlDataReader reader, int ordinal, int row)
        => EqualityComparer<T>.Default.Equals(reader.GetFieldValue<T>(ordinal), _values[row]);
}
