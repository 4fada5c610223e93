using Npgsql;
using WriteBehind.EntityFrameworkCore.Mapping;

namespace WriteBehind.EntityFrameworkCore.Bulk;

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
