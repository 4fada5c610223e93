namespace Silo.Contracts.Operations;

/// <summary>How the cluster is doing.</summary>
/// <param name="Silos">The silos that are up and answer.</param>
/// <param name="Types">The backlog of each entity type, as Redis has it.</param>
/// <param name="Warnings">What Redis' own settings may lose, and silos that are up and do not answer.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.cluster-report")]
public sealed record ClusterReport(
    [property: Id(0)] IReadOnlyList<SiloReport> Silos,
    [property: Id(1)] IReadOnlyList<TypeReport> Types,
    [property: Id(2)] IReadOnlyList<string> Warnings);
