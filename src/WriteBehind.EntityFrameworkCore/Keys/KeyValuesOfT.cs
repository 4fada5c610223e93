using Npgsql;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Keys;

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
