namespace WriteBehind.Status;

/// <summary>The state of the circuit breaker before the database.</summary>
public enum BreakerState
{
    /// <summary>Batches go through.</summary>
    Closed,

    /// <summary>The database failed; nothing is sent until the pause is over.</summary>
    Open,

    /// <summary>The pause is over and one batch is probing.</summary>
    HalfOpen,
}
