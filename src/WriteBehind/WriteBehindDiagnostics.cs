namespace WriteBehind;

/// <summary>The names of what can be observed. Instruments of entities carry the tag <see cref="TypeTag"/>.</summary>
public static class WriteBehindDiagnostics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "WriteBehind";

    /// <summary>
    /// The name of the activity source: <c>writebehind.write</c> from a store's call to its acknowledgement, and <c>writebehind.flush</c>
    /// for a batch, linked to the writes (of this process) that it saves; where a grain wrote, to the activity of its call.
    /// </summary>
    public const string ActivitySourceName = "WriteBehind";

    /// <summary>The tag with the registered name of the entity type.</summary>
    public const string TypeTag = "writebehind.type";

    /// <summary>The tag of activities with an entity's id.</summary>
    public const string IdTag = "writebehind.id";

    /// <summary>Counter: writes of callers that were acknowledged.</summary>
    public const string Writes = "writebehind.writes";

    /// <summary>Counter: states written to Redis; fewer than the writes, since writes share them.</summary>
    public const string BufferWrites = "writebehind.buffer.writes";

    /// <summary>Counter: writes refused because another writer was first.</summary>
    public const string Conflicts = "writebehind.conflicts";

    /// <summary>Counter: writes refused because the buffer was full.</summary>
    public const string Refused = "writebehind.refused";

    /// <summary>
    /// Counter: writes that failed because Redis knew nothing of the entity (any more) and the database, which knows its version, could
    /// not be asked. Writes of what Redis knows go on without it.
    /// </summary>
    public const string DatabaseNeeded = "writebehind.writes.database_needed";

    /// <summary>Histogram, seconds: from a caller's call to its acknowledgement.</summary>
    public const string AckDuration = "writebehind.ack.duration";

    /// <summary>Counter: loads, with the tag <see cref="SourceTag"/>.</summary>
    public const string Loads = "writebehind.loads";

    /// <summary>The tag of <see cref="Loads"/>: <c>redis</c> or <c>database</c>.</summary>
    public const string SourceTag = "writebehind.source";

    /// <summary>Gauge: dirty entities.</summary>
    public const string Dirty = "writebehind.dirty";

    /// <summary>Gauge, seconds: the age of the oldest dirty entity; 0 where nothing is dirty.</summary>
    public const string OldestDirtyAge = "writebehind.dirty.oldest_age";

    /// <summary>Gauge: dead letters.</summary>
    public const string DeadLetters = "writebehind.dead_letters";

    /// <summary>Gauge: 0 closed, 1 open, 2 half-open.</summary>
    public const string Breaker = "writebehind.breaker";

    /// <summary>Gauge: 1 while the flush of the type is paused.</summary>
    public const string Paused = "writebehind.flush.paused";

    /// <summary>Histogram: entities per batch at the database.</summary>
    public const string BatchSize = "writebehind.flush.batch_size";

    /// <summary>Histogram, seconds: how long a batch took at the database.</summary>
    public const string SaveDuration = "writebehind.flush.save_duration";

    /// <summary>Counter: entities by what became of them, with the tag <see cref="OutcomeTag"/>.</summary>
    public const string Flushed = "writebehind.flush.entities";

    /// <summary>
    /// The tag of <see cref="Flushed"/>: <c>applied</c>, <c>already_there</c>, <c>fenced</c>, <c>expired</c>, <c>rejected</c>,
    /// <c>dead_letter</c>, <c>settled</c>, <c>lost</c>, <c>superseded</c>.
    /// </summary>
    public const string OutcomeTag = "writebehind.outcome";

    /// <summary>Counter: settle transactions aborted because an entity moved on.</summary>
    public const string SettleAborts = "writebehind.settle.aborts";

    /// <summary>
    /// Counter: decisions of rate limits, with the tags <see cref="LimitTag"/> and <see cref="OutcomeTag"/>: <c>admitted</c>,
    /// <c>rejected</c>, <c>rejected_locally</c> (known to be over the limit, Redis was not asked), <c>admitted_unchecked</c> and
    /// <c>rejected_unchecked</c> (Redis was away).
    /// </summary>
    public const string LimitDecisions = "writebehind.limit.decisions";

    /// <summary>Histogram, seconds: how long a rate limit's decision took at Redis, with the tag <see cref="LimitTag"/>.</summary>
    public const string LimitDuration = "writebehind.limit.duration";

    /// <summary>The tag with the registered name of the rate limit.</summary>
    public const string LimitTag = "writebehind.limit";

    /// <summary>
    /// Counter: items of queues, with the tags <see cref="QueueTag"/> and <see cref="OutcomeTag"/>: <c>added</c>, <c>already_waiting</c>,
    /// <c>full</c>, <c>taken</c>, <c>acknowledged</c>, <c>returned</c>, <c>reclaimed</c>, <c>lost_notice</c> (a notice of a flush notifier
    /// that could not be sent).
    /// </summary>
    public const string QueueItems = "writebehind.queue.items";

    /// <summary>The tag with the registered name of the queue; of a flush notifier, the entity type.</summary>
    public const string QueueTag = "writebehind.queue";

    /// <summary>Counter: batches that failed for a transient reason and are tried again.</summary>
    public const string Retries = "writebehind.flush.retries";

    /// <summary>Gauge: 1 where Redis was seen to come back empty since this process started.</summary>
    public const string Emptied = "writebehind.redis.emptied";

    /// <summary>Gauge: 1 where Redis was seen to go back to an older state since this process started.</summary>
    public const string WentBack = "writebehind.redis.went_back";

    /// <summary>Counter: loads that were refused because the row is older than what was settled.</summary>
    public const string StaleRows = "writebehind.database.stale_rows";
}

/// <summary>
/// The categories under which the engine's parts log. Operators filter by them, so they stay as they are if a class moves to another
/// namespace.
/// </summary>
internal static class LogCategories
{
    public const string Engine = "WriteBehind.WriteBehindEngine";
    public const string Durability = "WriteBehind.Durability.DurabilityGuard";
    public const string FlushNotices = "WriteBehind.Caching.Queues.FlushNotifier";
    public const string Queue = "WriteBehind.Caching.Queues.ReliableQueue";
    public const string RateLimits = "WriteBehind.Caching.Limits.RateLimits";
    public const string PostgresPooler = "WriteBehind.EntityFrameworkCore.Pooler";
    public const string PostgresInvalidation = "WriteBehind.EntityFrameworkCore.Caching.PostgresInvalidation";
}
