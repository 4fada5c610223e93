using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Keys;

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
