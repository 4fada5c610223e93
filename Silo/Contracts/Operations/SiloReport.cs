namespace Silo.Contracts.Operations;

/// <summary>What one silo itself did since it started, and does now: sums over silos are the cluster's.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address.</param>
/// <param name="WritesAcknowledged">Writes of callers that were acknowledged.</param>
/// <param name="BufferWrites">States written to Redis; several writes share one.</param>
/// <param name="RowsApplied">Rows written or deleted in PostgreSQL.</param>
/// <param name="Conflicts">Writes refused because another writer was first.</param>
/// <param name="Breaker">The worst state of its circuit breakers.</param>
/// <param name="Failing">Its loops that fail, and their errors.</param>
/// <param name="Rates">What it does per second, by entity type.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.silo-report")]
public sealed record SiloReport(
    [property: Id(0)] string Name,
    [property: Id(1)] string Address,
    [property: Id(2)] long WritesAcknowledged,
    [property: Id(3)] long BufferWrites,
    [property: Id(4)] long RowsApplied,
    [property: Id(5)] long Conflicts,
    [property: Id(6)] string Breaker,
    [property: Id(7)] IReadOnlyList<string> Failing,
    [property: Id(8)] IReadOnlyDictionary<string, RateReport> Rates);
