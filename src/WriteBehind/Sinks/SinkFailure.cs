namespace WriteBehind.Sinks;

/// <summary>How a failed save is dealt with.</summary>
public enum SinkFailure
{
    /// <summary>The database is away, busy or shutting down: retried for ever with backoff behind the circuit breaker.</summary>
    Transient,

    /// <summary>
    /// Two transactions got in each other's way (serialization, deadlock): retried at once a few times, then as <see cref="Held"/>.
    /// </summary>
    Contention,

    /// <summary>
    /// Another transaction held a row for longer than it was waited for (lock time-out): bisected, so that what nobody holds is saved and
    /// what somebody holds waits for its turn. Transient where nothing of the batch gets through.
    /// </summary>
    Held,

    /// <summary>The database ended the statement at its time-out: bisected too, but transient where nothing of the batch gets through.</summary>
    Timeout,

    /// <summary>At least one entity of the batch can't be stored: the batch is bisected until the culprits are found.</summary>
    Entity,

    /// <summary>The statement itself can't run (missing table or column, no privilege): no entity is to blame, bisecting would be waste.</summary>
    Statement,
}
