using Npgsql;
using NpgsqlTypes;
using WriteBehind.EntityFrameworkCore.Mapping;

namespace WriteBehind.EntityFrameworkCore.Bulk;

/// <inheritdoc />
internal sealed class BulkColumn<TState, T>(string name, WireType wire, bool insertOnly, Func<TState, T> read)
    : BulkColumn<TState>(name, wire, insertOnly)
{
    public override NpgsqlParameter Read(ReadOnlySpan<TState> states)
    {
        var values = new T[states.Length];
        var row = 0;
        try
        {
            for (; row < values.Length; row++)
            {
                values[row] = read(states[row]);
            }
        }
        catch (Exception e)
        {
            throw new ColumnReadException(Name, row, e);
        }

        return new NpgsqlParameter<T[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | Wire.DbType };
    }
}
