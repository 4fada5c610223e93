namespace WriteBehind.Status;

/// <summary>How fast this process works for one entity type: the mean over the last five full seconds.</summary>
/// <param name="WritesPerSecond">Writes of callers that were acknowledged.</param>
/// <param name="RowsPerSecond">Rows written or deleted in the database.</param>
public sealed record TypeRates(double WritesPerSecond, double RowsPerSecond);
