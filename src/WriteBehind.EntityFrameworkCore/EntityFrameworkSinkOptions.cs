namespace WriteBehind.EntityFrameworkCore;

/// <summary>The settings of the PostgreSQL sink.</summary>
public sealed class EntityFrameworkSinkOptions
{
    /// <summary>
    /// Whether the bulk statements are prepared on each connection; default true, which saves PostgreSQL parsing and planning them
    /// for every batch. Turn it off behind a pooler that hands out another connection per transaction and does not know prepared
    /// statements (PgBouncer before 1.21, or with <c>max_prepared_statements = 0</c>).
    /// </summary>
    public bool PrepareStatements { get; set; } = true;
}
