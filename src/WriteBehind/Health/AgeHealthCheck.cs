using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>How far the database is behind, against the age that each type promises.</summary>
internal sealed class AgeHealthCheck(StatusProbe probe, double unhealthyFactor) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        var late = status.Types.Where(type => type.OldestDirtyAge > type.MaxAge).ToList();
        var data = status.Types.ToDictionary(
            type => type.Type,
            object (type) => (type.OldestDirtyAge ?? TimeSpan.Zero).TotalSeconds);
        if (late.Count == 0)
            return HealthCheckResult.Healthy("No unflushed write is older than its MaxAge.", data);

        var text = string.Join(" ", late.Select(type => string.Create(
            CultureInfo.InvariantCulture,
            $"{type.Type}: the oldest of {type.Dirty} unflushed entities waits for {type.OldestDirtyAge!.Value.TotalSeconds:0.#} s (MaxAge {type.MaxAge.TotalSeconds:0.#} s).")));
        return late.Exists(type => type.OldestDirtyAge > type.MaxAge * unhealthyFactor)
            ? HealthCheckResult.Unhealthy(text, data: data)
            : HealthCheckResult.Degraded(text, data: data);
    }
}
