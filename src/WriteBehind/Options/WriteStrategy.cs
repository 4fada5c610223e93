namespace WriteBehind;

/// <summary>When a write of an entity is acknowledged.</summary>
public enum WriteStrategy
{
    /// <summary>Once Redis has it; PostgreSQL follows. Quickest, and many writes of one entity are one row written.</summary>
    Behind,

    /// <summary>
    /// Once PostgreSQL has it: it is written to Redis as ever, under the same version guard, and then flushed at once. Costs a database
    /// transaction, shared with what else is flushed at that moment.
    /// </summary>
    Through,
}
