namespace WriteBehind.EntityFrameworkCore;

/// <summary>
/// A row of the generic table: the state of an entity whose type has no table of its own. For queries; rows are written by flushes
/// alone.
/// </summary>
public sealed class WriteBehindDocument
{
    /// <summary>The registered name of the entity type.</summary>
    public required string Type { get; init; }

    /// <summary>The entity's id.</summary>
    public required string Id { get; init; }

    /// <summary>The version of the state.</summary>
    public long Version { get; init; }

    /// <summary>The state, as JSON.</summary>
    public required string State { get; init; }

    /// <summary>When it was last flushed, by the database's clock.</summary>
    public DateTimeOffset UpdatedAt { get; init; }
}
