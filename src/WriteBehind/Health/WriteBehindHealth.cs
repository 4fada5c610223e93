namespace WriteBehind.Health;

/// <summary>The names and tags of the health checks, to select them by.</summary>
public static class WriteBehindHealth
{
    /// <summary>The tag of every check of this library.</summary>
    public const string Tag = "writebehind";

    /// <summary>
    /// The tag of the checks that decide whether this process should be given work: Redis and the background loops. An absent
    /// PostgreSQL is not among them: writes go on without it, and to take every process out of service then would turn a late
    /// database into an outage.
    /// </summary>
    public const string ReadyTag = "ready";

    /// <summary>The check that Redis answers.</summary>
    public const string Buffer = "writebehind-redis";

    /// <summary>The check that the database takes batches.</summary>
    public const string Database = "writebehind-postgresql";

    /// <summary>The check that no unflushed write is too old.</summary>
    public const string Age = "writebehind-age";

    /// <summary>The check that Redis keeps what it acknowledges.</summary>
    public const string Durability = "writebehind-durability";

    /// <summary>The check that the engine's background loops run.</summary>
    public const string Loops = "writebehind-loops";
}
