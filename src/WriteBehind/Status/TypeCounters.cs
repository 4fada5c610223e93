namespace WriteBehind.Status;

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
    long Settled);
