namespace Silo.Contracts.Operations;

/// <summary>How fast an entity type is worked on: the mean over the last five full seconds.</summary>
/// <param name="WritesPerSecond">Writes of callers that were acknowledged.</param>
/// <param name="RowsPerSecond">Rows written or deleted in PostgreSQL.</param>
[GenerateSerializer]
[Immutable]
[Alias("silo.rate-report")]
public sealed record RateReport([property: Id(0)] double WritesPerSecond, [property: Id(1)] double RowsPerSecond)
{
    /// <summary>Of several silos together.</summary>
    public static RateReport Sum(IEnumerable<RateReport> rates)
        => rates.Aggregate(
            new RateReport(0, 0), (sum, rate) => new(sum.WritesPerSecond + rate.WritesPerSecond, sum.RowsPerSecond + rate.RowsPerSecond));
}
