namespace WriteBehind.EntityFrameworkCore;

/// <summary>The settings of the PostgreSQL sink.</summary>
public sealed class EntityFrameworkSinkOptions
{
    /// <summary>
    /// Whether the bulk statements are prepared on each connection; default true, which saves PostgreSQL parsing and planning them
    /// for every batch. Behind a pooler (PgBouncer) they never are: one that hands out another connection per transaction would run
    /// other programs' statements of the same name. That is found out on each connection, so nothing has to be set.
    /// </summary>
    public bool PrepareStatements { get; set; } = true;
}
