namespace WriteBehind.Benchmarks.Recovery;

/// <summary>What a recovering process says of itself.</summary>
/// <param name="StartSeconds">From its start until it served calls.</param>
/// <param name="CleanSeconds">From then until nothing of the outage was dirty.</param>
/// <param name="PeakMegabytes">The most physical memory it ever had.</param>
/// <param name="HeapMegabytes">The most that a garbage collection ever left: what was needed, and not just not collected yet.</param>
/// <param name="Writes">Writes of callers acknowledged meanwhile.</param>
/// <param name="FailedWrites">Writes of callers that failed meanwhile.</param>
/// <param name="P50Ms">Their acknowledgement.</param>
/// <param name="P99Ms">The same.</param>
internal sealed record RecoveryFigures(
    double StartSeconds, double CleanSeconds, double PeakMegabytes, double HeapMegabytes, long Writes,
    long FailedWrites, double P50Ms, double P99Ms);
