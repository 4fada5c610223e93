using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>Without Redis no write can be acknowledged.</summary>
internal sealed class BufferHealthCheck(StatusProbe probe) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status) => status.Durability.Reachable
        ? HealthCheckResult.Healthy("Redis answers.")
        : HealthCheckResult.Unhealthy("Redis does not answer: no write can be acknowledged until it is back.");
}
