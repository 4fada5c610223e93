namespace WriteBehind.EntityFrameworkCore.Bulk;

/// <summary>A state's value for a column can't be read: its getter or its value converter threw. Only that state is to blame.</summary>
internal sealed class ColumnReadException(string column, int row, Exception cause)
    : Exception($"The value for column \"{column}\" can't be read: {cause.Message}", cause)
{
    /// <summary>The state, by its place among those read.</summary>
    public int Row => row;
}
