using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Silo.Http;

/// <summary>
/// Whether this silo is a member of the cluster that takes calls. Of one that joins or stops in order nobody gets to ask, as the web server
/// starts after the silo and stops before it; this is for one that leaves the cluster otherwise.
/// </summary>
internal sealed class SiloHealthCheck(ISiloStatusOracle oracle) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        => Task.FromResult(oracle.CurrentStatus == SiloStatus.Active
            ? HealthCheckResult.Healthy("The silo is active.")
            : HealthCheckResult.Unhealthy($"The silo is {oracle.CurrentStatus}."));
}
