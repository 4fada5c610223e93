namespace Silo.Http;

/// <summary>How many points; negative ones are taken away.</summary>
internal sealed record PointsBody(long Points);
