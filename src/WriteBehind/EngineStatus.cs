namespace WriteBehind;

/// <summary>How the engine is doing.</summary>
/// <param name="Types">One entry per registered entity type.</param>
/// <param name="Durability">What Redis promises.</param>
/// <param name="Loops">The background loops of this process.</param>
public sealed record EngineStatus(IReadOnlyList<TypeStatus> Types, DurabilityStatus Durability, IReadOnlyList<LoopStatus> Loops);

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

/// <summary>What Redis itself promises, as its settings were last read.</summary>
/// <param name="Reachable">Whether Redis answered for every shard the last time it was asked.</param>
/// <param name="Warnings">What may lose acknowledged writes, each with its setting and the fix; empty where all is well.</param>
/// <param name="EmptiedAt">When Redis was seen to have come back empty; null where it never was. Stays until the process restarts.</param>
public sealed record DurabilityStatus(bool Reachable, IReadOnlyList<string> Warnings, DateTimeOffset? EmptiedAt)
{
    /// <summary>How many shards answer and take writes; null as long as nobody has looked.</summary>
    public RedisShards? Shards { get; init; }

    /// <summary>
    /// When Redis was seen to have gone back to an older state; null where it never did. Stays until the process restarts.
    /// </summary>
    public DateTimeOffset? WentBackAt { get; init; }
}

/// <summary>
/// How the shards of all entity types are doing at Redis. On a cluster one server may be away or moving, and the others not.
/// </summary>
/// <param name="All">How many there are.</param>
/// <param name="Away">Of how many nothing is known: they did not answer, or not to the question.</param>
/// <param name="Refusing">How many answer and refuse writes, as a read-only replica does, or a Redis at maxmemory.</param>
/// <param name="Reason">Why, of the first of them; null where all are well.</param>
public sealed record RedisShards(int All, int Away, int Refusing, string? Reason)
{
    /// <summary>Whether any shard takes writes.</summary>
    public bool AnyTakesWrites => Away + Refusing < All;
}

/// <summary>An entity's name.</summary>
/// <param name="Type">The registered name of its type.</param>
/// <param name="Id">Its id.</param>
public readonly record struct EntityRef(string Type, string Id);

/// <summary>What a flush of everything, or a drain, did.</summary>
/// <param name="Flushed">Entities that became clean.</param>
/// <param name="Remaining">
/// Entities still dirty when it returned, by type; types with none are left out. They are safe in Redis. Of a type in
/// <see cref="Uncounted"/> it is what was known of it last, which may be nothing at all.
/// </param>
/// <param name="Rejected">Entities that the database rejected on the way, by type and id; at most the first 100.</param>
public sealed record FlushReport(long Flushed, IReadOnlyDictionary<string, long> Remaining, IReadOnlyList<EntityRef> Rejected)
{
    /// <summary>
    /// Types of which nobody knows how much of them is dirty: Redis or a part of it did not answer, refused, or came back empty
    /// meanwhile, or nothing was looked for (<see cref="WriteBehindOptions.DrainTimeout"/> is 0). Unknown is not zero.
    /// </summary>
    public IReadOnlyList<string> Uncounted { get; init; } = [];

    /// <summary>
    /// Pauses of types of which something is left dirty for that reason. It was not waited for their end: what remains is flushed by
    /// itself when they are over.
    /// </summary>
    public IReadOnlyList<FlushPause> Paused { get; init; } = [];

    /// <summary>True where everything was counted and nothing is left dirty.</summary>
    public bool IsClean => Remaining.Count == 0 && Uncounted.Count == 0;
}

/// <summary>How a background loop of the engine is doing.</summary>
/// <param name="Name">What it does, with the entity type where it belongs to one: <c>sweep stock</c>, <c>watch</c>.</param>
/// <param name="LastCompletedAt">When it last got through a round; null before the first.</param>
/// <param name="ConsecutiveFailures">How many rounds failed in a row. A loop never stops because of a failure.</param>
/// <param name="LastError">The last error while it is failing; null where the last round was fine.</param>
/// <param name="RoundStartedAt">When the round under way began; null between two rounds.</param>
public sealed record LoopStatus(
    string Name, DateTimeOffset? LastCompletedAt, int ConsecutiveFailures, string? LastError, DateTimeOffset? RoundStartedAt = null);

/// <summary>What this process did for one entity type since it started, in entities unless said otherwise.</summary>
/// <param name="WritesAcknowledged">Writes of callers that were acknowledged; several may share one Redis write.</param>
/// <param name="BufferWrites">States written to Redis.</param>
/// <param name="Conflicts">Writes refused because another writer was first.</param>
/// <param name="Refused">Writes refused because the buffer was full.</param>
/// <param name="RowsApplied">Rows written or deleted in the database.</param>
/// <param name="NoOps">Saves of a version that was there already.</param>
/// <param name="Fenced">Saves that met a newer row.</param>
/// <param name="Expired">Saves that came after the end of their lease and did nothing.</param>
/// <param name="Rejected">Tries that the database rejected.</param>
/// <param name="DeadLettered">Entities that became dead letters.</param>
/// <param name="Batches">Batches sent to the database.</param>
/// <param name="TransientFailures">Batches that failed and are tried again.</param>
/// <param name="SettleAborts">Settle transactions aborted because an entity moved on meanwhile.</param>
/// <param name="Settled">Entities that became clean.</param>
public sealed record TypeCounters(
    long WritesAcknowledged,
    long BufferWrites,
    long Conflicts,
    long Refused,
    long RowsApplied,
    long NoOps,
    long Fenced,
    long Expired,
    long Rejected,
    long DeadLettered,
    long Batches,
    long TransientFailures,
    long SettleAborts,
    long Settled)
{
    /// <summary>
    /// Writes that failed because Redis knew nothing of the entity (any more) and the database, which knows its version, could not be
    /// asked.
    /// </summary>
    public long DatabaseNeeded { get; init; }
}

/// <summary>How fast this process works for one entity type: the mean over the last five full seconds.</summary>
/// <param name="WritesPerSecond">Writes of callers that were acknowledged.</param>
/// <param name="RowsPerSecond">Rows written or deleted in the database.</param>
public sealed record TypeRates(double WritesPerSecond, double RowsPerSecond);

/// <summary>
/// How one entity type is doing. Dirty entities, their age and the dead letters are those of the whole service, as Redis has them:
/// whichever process is asked says the same, and sums over processes count them several times. The circuit breaker, its error, the
/// counters and the rates are this process' own, and begin anew with it.
/// </summary>
/// <param name="Type">The registered name.</param>
/// <param name="Dirty">Entities with unflushed writes, of all processes.</param>
/// <param name="OldestDirtyAge">
/// How long ago the oldest unflushed write was made, by whichever process; null where nothing is dirty. While Redis does not answer it
/// grows from what was known last.
/// </param>
/// <param name="MaxAge">The age it should never exceed.</param>
/// <param name="MaxDirty">The bound of <paramref name="Dirty"/> and <paramref name="DeadLetters"/> together.</param>
/// <param name="DeadLetters">Entities set aside because the database rejected them, by whichever process.</param>
/// <param name="Breaker">The state of this process' circuit breaker before the database.</param>
/// <param name="LastError">
/// The error that opened the circuit breaker, or that of its last probe, without secrets; null while it is closed. What the database says
/// of single entities or of a table that is missing (that is in the dead letters), and errors of Redis, do not show here.
/// </param>
/// <param name="Counters">What this process did since it started.</param>
/// <param name="Rates">What this process did per second lately.</param>
/// <param name="ShardsApartUntil">
/// Until when this process writes shard by shard, as Redis (or a proxy before it) refused a call for several; null where writes share calls
/// as far as the servers allow.
/// </param>
public sealed record TypeStatus(
    string Type,
    long Dirty,
    TimeSpan? OldestDirtyAge,
    TimeSpan MaxAge,
    long MaxDirty,
    long DeadLetters,
    BreakerState Breaker,
    string? LastError,
    TypeCounters Counters,
    TypeRates Rates,
    DateTimeOffset? ShardsApartUntil = null)
{
    /// <summary>
    /// When the backlog was counted: of the shard that was counted longest ago. Earlier than now where Redis or a part of it does not
    /// answer; null where some shard was never counted, and <see cref="Dirty"/> lacks it.
    /// </summary>
    public DateTimeOffset? BacklogAt { get; init; }

    /// <summary>The pause of the type's flush, as last seen; null where there is none.</summary>
    public FlushPause? Pause { get; init; }
}
