using System.Linq.Expressions;
using System.Reflection;
using Npgsql;
using NpgsqlTypes;
using WriteBehind.EntityFrameworkCore.Model;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>A table that is written with arrays.</summary>
/// <param name="Name">The table as SQL writes it.</param>
/// <param name="Key">The key columns that come from the id.</param>
/// <param name="FixedKey">Key columns whose value is the same for every row of the entity type: name and SQL literal.</param>
/// <param name="VersionColumn">The column of the version.</param>
/// <param name="Columns">The other columns.</param>
/// <param name="TouchedColumn">A column that takes the database's clock with each write; null for none.</param>
internal sealed record BulkTable<TState>(
    string Name,
    TableKey Key,
    KeyValuePair<string, string>? FixedKey,
    string VersionColumn,
    IReadOnlyList<BulkColumn<TState>> Columns,
    string? TouchedColumn)
{
    private static readonly MethodInfo CreateMethod =
        typeof(BulkTable<TState>).GetMethod(nameof(CreateColumn), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <summary>The table of a mapped entity type, whose properties all fit into arrays.</summary>
    public static BulkTable<TState> From(EntityMap map)
        => new(map.Table, map.Key, null, map.VersionColumn, [.. map.Properties.Select(Column)], null);

    private static BulkColumn<TState> Column(MappedProperty property)
    {
        var read = PropertyReader.Build<TState>(property.Property, property.Wire!);
        return (BulkColumn<TState>)CreateMethod.MakeGenericMethod(read.ReturnType).Invoke(null, [property, read])!;
    }

    private static BulkColumn<TState, T> CreateColumn<T>(MappedProperty property, LambdaExpression read)
        => new(property.Column!, property.Wire!, property.InsertOnly, ((Expression<Func<TState, T>>)read).Compile());
}

/// <summary>A column whose values are read from states into an array.</summary>
/// <param name="name">The column.</param>
/// <param name="wire">How its values travel.</param>
/// <param name="insertOnly">Left alone where the row is there already.</param>
internal abstract class BulkColumn<TState>(string name, WireType wire, bool insertOnly)
{
    public string Name => name;

    public WireType Wire => wire;

    public bool InsertOnly => insertOnly;

    /// <summary>The values of these states as an array parameter.</summary>
    /// <exception cref="ColumnReadException">One of the states has a value that can't be read or converted.</exception>
    public abstract NpgsqlParameter Read(ReadOnlySpan<TState> states);
}

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
