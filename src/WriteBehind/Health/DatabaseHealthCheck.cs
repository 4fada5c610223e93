using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>Without the database writes go on, so this is never worse than degraded; the age check says when it has gone too far.</summary>
internal sealed class DatabaseHealthCheck(StatusProbe probe) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        var broken = status.Types.Where(type => type.Breaker != BreakerState.Closed).ToList();
        if (broken.Count == 0)
            return HealthCheckResult.Healthy("The database takes batches.");

        var errors = string.Join(" ", broken.Select(type => $"{type.Type}: {type.LastError ?? "no error recorded."}"));
        return HealthCheckResult.Degraded($"The database fails; writes are acknowledged by Redis and flushed when it is back. {errors}");
    }
}
