namespace WriteBehind;

/// <summary>
/// A flush was asked for and the entity could not be brought to the database: it is a dead letter now, or on its way to become
/// one. Its acknowledged state is kept in Redis; a new write, or a retry of the dead letter, revives it.
/// </summary>
public sealed class EntityRejectedException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public EntityRejectedException(string entityType, string entityId, string reason, Exception? cause = null, long version = 0)
        : base(
            $"{entityType} '{entityId}' could not be saved: {reason} Its state is kept in Redis. Correct the cause, then write it again " +
            "or retry its dead letter.",
            entityType,
            entityId,
            cause)
        => (Reason, Version) = (reason, version);

    /// <summary>Why, as a sentence.</summary>
    public string Reason { get; }

    /// <summary>The version that could not be saved; 0 where the flush only found that the entity had been set aside before.</summary>
    public long Version { get; }
}

/// <summary>
/// A flush on demand did not finish in the time it was given. What it did not reach stays dirty in Redis and is flushed later.
/// </summary>
public sealed class FlushIncompleteException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public FlushIncompleteException(string entityType, string entityId, TimeSpan waited, string reason, Exception? cause = null)
        : base(
            $"{entityType} '{entityId}' was not flushed within {waited.TotalSeconds:0.#} s: {reason} It stays dirty in Redis and is " +
            "flushed later.",
            entityType,
            entityId,
            cause)
        => (Waited, Reason) = (waited, reason);

    /// <summary>How long the flush was tried.</summary>
    public TimeSpan Waited { get; }

    /// <summary>What was in the way, as a sentence.</summary>
    public string Reason { get; }
}

/// <summary>The database failed to save or load. <see cref="Failure"/> says what the flush pipeline does about it.</summary>
public sealed class SinkException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public SinkException(
        SinkFailure failure, string message, string? code = null, string? entityType = null, string? entityId = null,
        Exception? cause = null,
        bool outcomeUnknown = false)
        : base(message, entityType, entityId, cause)
    {
        Failure = failure;
        Code = code;
        OutcomeUnknown = outcomeUnknown;
    }

    /// <summary>The class of the failure.</summary>
    public SinkFailure Failure { get; }

    /// <summary>The database's own code, for PostgreSQL the SQLSTATE; null where there is none.</summary>
    public string? Code { get; }

    /// <summary>
    /// True where a save was sent and its answer never came (a broken connection, a time-out on this side): it may still be running at
    /// the database. The flusher then keeps its claim until the lease ends, so that nobody else writes these rows meanwhile.
    /// False where the database answered, or was never reached.
    /// </summary>
    public bool OutcomeUnknown { get; }
}

/// <summary>
/// The entity has an acknowledged write that is not in the database, and Redis no longer has its state: it was evicted, or deleted by
/// somebody. The write is lost; what the database has counts from now on.
/// </summary>
public sealed class StateLostException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public StateLostException(string entityType, string entityId)
        : base(
            $"{entityType} '{entityId}' was not flushed: Redis no longer has its state, which was evicted or deleted, and an " +
            "acknowledged write is lost. Check maxmemory-policy (it must be noeviction), and who else deletes keys there.",
            entityType,
            entityId)
    {
    }
}

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

    /// <summary>
    /// The database ended the statement at its time-out: bisected too, but transient where nothing of the batch gets through.
    /// </summary>
    Timeout,

    /// <summary>At least one entity of the batch can't be stored: the batch is bisected until the culprits are found.</summary>
    Entity,

    /// <summary>
    /// The statement itself can't run (missing table or column, no privilege): no entity is to blame, bisecting would be waste.
    /// </summary>
    Statement,
}
