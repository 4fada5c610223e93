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
    public string Reason { get => this.Fact<string>()!; private init => this.Keep(value); }

    /// <summary>The version that could not be saved; 0 where the flush only found that the entity had been set aside before.</summary>
    public long Version { get => this.Fact<long>(); private init => this.Keep(value); }
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
    public TimeSpan Waited { get => this.Fact<TimeSpan>(); private init => this.Keep(value); }

    /// <summary>What was in the way, as a sentence.</summary>
    public string Reason { get => this.Fact<string>()!; private init => this.Keep(value); }
}

/// <summary>
/// A flush on demand, or the second half of a write-through, was asked for while the flush of the type is paused. It fails at once instead
/// of waiting for the end of the pause. What is dirty stays so in Redis and is flushed after the pause;
/// <c>IWriteBehindEngine.ResumeAsync</c> ends it.
/// </summary>
public sealed class FlushPausedException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public FlushPausedException(string entityId, FlushPause pause)
        : base(
            FormattableString.Invariant(
                $"{pause?.Type} '{entityId}' was not flushed: {pause?.By} has paused the flush of {pause?.Type} until {pause?.Until:u}. ") +
            "It stays dirty in Redis and is flushed when the pause is over, or has been ended (resume).",
            pause?.Type,
            entityId)
    {
        ArgumentNullException.ThrowIfNull(pause);
        (Since, Until, By) = (pause.Since, pause.Until, pause.By);
    }

    /// <summary>The pause: who asked for it, and until when.</summary>
    public FlushPause Pause => new(EntityType!, Since, Until, By);

    private DateTimeOffset Since { get => this.Fact<DateTimeOffset>(); init => this.Keep(value); }

    private DateTimeOffset Until { get => this.Fact<DateTimeOffset>(); init => this.Keep(value); }

    private string By { get => this.Fact<string>()!; init => this.Keep(value); }
}

/// <summary>
/// A pause of an entity type's flush, which all processes keep to: nothing of the type is brought to the database until it is over, while
/// writes go on being accepted up to <c>EntityTypeOptions.MaxDirty</c>. It is kept in Redis and ends by Redis' clock.
/// </summary>
/// <param name="Type">The registered name of the type.</param>
/// <param name="Since">Since when, by Redis' clock.</param>
/// <param name="Until">When it ends by itself, by Redis' clock.</param>
/// <param name="By">Who asked for it.</param>
public sealed record FlushPause(string Type, DateTimeOffset Since, DateTimeOffset Until, string By)
{
    /// <summary>How long a pause lasts unless it is told otherwise: 10 minutes.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The longest that can be asked for at once: an hour, so that one that is forgotten does not fill the buffer. To have longer, ask
    /// again before its end.
    /// </summary>
    public static readonly TimeSpan LongestDuration = TimeSpan.FromHours(1);

    /// <summary>
    /// Of how many entities a flush that began before the pause was still under way when it was asked for; they may still be written. 0
    /// where all of them have ended, and in a status.
    /// </summary>
    public int UnderWay { get; init; }
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
    public SinkFailure Failure { get => this.Fact<SinkFailure>(); private init => this.Keep(value); }

    /// <summary>The database's own code, for PostgreSQL the SQLSTATE; null where there is none.</summary>
    public string? Code { get => this.Fact<string>(); private init => this.Keep(value); }

    /// <summary>
    /// True where a save was sent and its answer never came (a broken connection, a time-out on this side): it may still be running at
    /// the database. The flusher then keeps its claim until the lease ends, so that nobody else writes these rows meanwhile.
    /// False where the database answered, or was never reached.
    /// </summary>
    public bool OutcomeUnknown { get => this.Fact<bool>(); private init => this.Keep(value); }
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

/// <summary>
/// The database gave a row that is older than what was settled there, or none where a row was put: it went back (an asynchronous replica
/// took over, a backup was restored), an older copy answered the read (a pooler that spreads reads over replicas), or somebody deleted or
/// set back the row. The older state is not given; asked again once the fence is over (<c>EntityTypeOptions.FenceTime</c>), it is.
/// A put does not read the row and goes on.
/// </summary>
public sealed class StaleRowException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    /// <param name="entityType">The entity's type.</param>
    /// <param name="entityId">Its id.</param>
    /// <param name="settledVersion">The version that was settled.</param>
    /// <param name="storedVersion">The version of the row; null where there is none.</param>
    public StaleRowException(string entityType, string entityId, long settledVersion, long? storedVersion)
        : base(
            $"{entityType} '{entityId}' can't be loaded: version {settledVersion} was saved, and PostgreSQL " +
            (storedVersion is { } version ? $"answers with version {version}. " : "answers that there is no row. ") +
            "It went back, a replica that lags answered, or somebody else changed the row. Point reads at the primary, and let commits " +
            "wait for the replica that may take over (synchronous_commit); put or delete the entity to go on from what is known.",
            entityType,
            entityId)
        => (SettledVersion, StoredVersion) = (settledVersion, storedVersion);

    /// <summary>The version that was settled.</summary>
    public long SettledVersion { get => this.Fact<long>(); private init => this.Keep(value); }

    /// <summary>The version of the row that was found; null where there is none.</summary>
    public long? StoredVersion { get => this.Fact<long?>(); private init => this.Keep(value); }
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

    /// <summary>
    /// At least one entity of the batch can't be stored: the batch is bisected until the culprits are found. Where the error is not one of
    /// values by its code, they are blamed only while others pass.
    /// </summary>
    Entity,

    /// <summary>
    /// A database that answers refused the statement, and the error alone does not say whose fault that is (a missing table, no privilege,
    /// a full disk; but a trigger of one row may raise all of these). What fails so while others pass is taken for an entity's fault; where
    /// nothing passes the type waits with backoff and no entity is blamed.
    /// </summary>
    Statement,
}
