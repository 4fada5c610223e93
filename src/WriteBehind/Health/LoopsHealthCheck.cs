using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>
/// A loop that hangs or died leaves writes unflushed though everything else looks well; only a restart mends it. One that fails goes
/// on trying, so that is degraded only.
/// </summary>
internal sealed class LoopsHealthCheck(StatusProbe probe, TimeProvider clock, TimeSpan silence) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        var now = clock.GetUtcNow();
        var silent = status.Loops
            .Where(loop => SilentSince(loop) is { } since && now - since > silence)
            .ToList();
        if (silent.Count > 0)
        {
            return HealthCheckResult.Unhealthy(
                "Background loops stand still; restart this process (acknowledged writes are safe in Redis). " +
                string.Join(" ", silent.Select(loop => string.Create(
                    CultureInfo.InvariantCulture,
                    $"{loop.Name}: {(loop.RoundStartedAt is null ? "last round at" : "in a round since")} {SilentSince(loop):u}."))));
        }

        var failing = status.Loops.Where(loop => loop.ConsecutiveFailures > 0).ToList();
        return failing.Count == 0
            ? HealthCheckResult.Healthy("All background loops run.")
            : HealthCheckResult.Degraded("Background loops fail and go on trying. " + string.Join(" ", failing.Select(loop =>
                string.Create(CultureInfo.InvariantCulture, $"{loop.Name}: {loop.ConsecutiveFailures} times in a row, {loop.LastError}"))));
    }

    // A round under way counts by its beginning, be it the first or one after a failure; between rounds the last good one counts.
    private static DateTimeOffset? SilentSince(LoopStatus loop)
        => loop.RoundStartedAt ?? (loop.ConsecutiveFailures == 0 ? loop.LastCompletedAt : null);
}
