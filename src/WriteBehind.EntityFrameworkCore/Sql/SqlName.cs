namespace WriteBehind.EntityFrameworkCore.Sql;

/// <summary>Writes names and text into SQL.</summary>
internal static class SqlName
{
    /// <summary>An identifier in double quotes.</summary>
    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A text literal. PostgreSQL's standard_conforming_strings (the default) leaves backslashes alone.</summary>
    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>SQL for methods of EF Core that take a format string.</summary>
    public static string AsFormat(string sql)
        => sql.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal);

    /// <summary>A table with its schema; without one it is found by the search path.</summary>
    public static string Table(string? schema, string table) => schema is null ? Quote(table) : $"{Quote(schema)}.{Quote(table)}";
}
