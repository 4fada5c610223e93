namespace WriteBehind.EntityFrameworkCore.Verification;

/// <summary>A column as the database has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type, in PostgreSQL's own spelling and without length or precision.</param>
/// <param name="IsRequired">NOT NULL.</param>
/// <param name="HasValue">Filled by a default or as an identity where nothing is written.</param>
/// <param name="IsGenerated">Computed from other columns: it can't be written.</param>
/// <param name="IsExact">Equal means the same bytes; false with a case-insensitive collation.</param>
internal sealed record CatalogueColumn(string Name, string Type, bool IsRequired, bool HasValue, bool IsGenerated, bool IsExact);
