using WriteBehind.Sinks;

namespace WriteBehind;

/// <summary>The database failed to save or load. <see cref="Failure"/> says what the flush pipeline does about it.</summary>
public sealed class SinkException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public SinkException(
        SinkFailure failure, string message, string? code = null, string? entityType = null, string? entityId = null, Exception? cause = null,
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
