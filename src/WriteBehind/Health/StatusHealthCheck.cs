using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>A check that judges one aspect of the engine's status.</summary>
internal abstract class StatusHealthCheck(StatusProbe probe) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            return Judge(await probe.LookAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (WriteBehindException e)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, e.Message, e);
        }
    }

    protected abstract HealthCheckResult Judge(EngineStatus status);
}
