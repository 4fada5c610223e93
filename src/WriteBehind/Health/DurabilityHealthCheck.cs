using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>Whether Redis keeps what it acknowledges.</summary>
internal sealed class DurabilityHealthCheck(StatusProbe probe) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        var durability = status.Durability;
        if (durability.EmptiedAt is { } emptied)
        {
            return HealthCheckResult.Unhealthy(string.Create(
                CultureInfo.InvariantCulture,
                $"Redis came back empty at {emptied:u}: writes acknowledged before and not yet flushed are lost. Find out why, then restart this process to clear the alarm."));
        }

        return durability.Warnings.Count == 0
            ? HealthCheckResult.Healthy("Redis keeps what it acknowledges.")
            : HealthCheckResult.Degraded(string.Join(" ", durability.Warnings));
    }
}
