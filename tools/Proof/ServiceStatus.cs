namespace Proof;

/// <summary>What a run needs of the service's status.</summary>
/// <param name="Dirty">Entities with unflushed writes.</param>
/// <param name="DeadLetters">Entities set aside.</param>
/// <param name="RowsApplied">Rows written by the processes that run now, since they started.</param>
public readonly record struct ServiceStatus(long Dirty, long DeadLetters, long RowsApplied);
