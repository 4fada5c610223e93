using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Common;

namespace WriteBehind.Health;

/// <summary>How far the database is behind, against the age that each type promises.</summary>
internal sealed class AgeHealthCheck(StatusProbe probe, double unhealthyFactor) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        var paused = status.Types.Where(static type => type.Pause is not null).ToList();
        var late = status.Types.Where(static type => type.Pause is null && type.OldestDirtyAge > type.MaxAge).ToList();
        var data = status.Types.ToDictionary(
            type => type.Type,
            object (type) => (type.OldestDirtyAge ?? TimeSpan.Zero).TotalSeconds);
        var unknown = status.Durability.Reachable
            ? null
            : "How much waits in Redis is not known, as it does not answer or not for every shard; ages grow from what was known last.";
        if (late.Count == 0 && paused.Count == 0)
        {
            return unknown is null
                ? HealthCheckResult.Healthy("No unflushed write is older than its MaxAge.", data)
                : HealthCheckResult.Degraded(unknown, data: data);
        }

        // Somebody wants it so, and it ends by itself: never worse than degraded.
        var pauses = string.Concat(paused.Select(static type => FormattableString.Invariant(
            $"{type.Type}: its flush is paused until {type.Pause!.Until:u} by {type.Pause.By}; {type.Dirty} unflushed entities wait. ")));
        var text = pauses + string.Join(" ", late.Select(type => string.Create(
            CultureInfo.InvariantCulture,
            $"{type.Type}: the oldest of {type.Dirty} unflushed entities waits for {type.OldestDirtyAge!.Value.TotalSeconds:0.#} s " +
            $"(MaxAge {type.MaxAge.TotalSeconds:0.#} s).")))
            + (unknown is null ? "" : $" {unknown}");
        text = text.TrimEnd();
        return late.Exists(type => type.OldestDirtyAge > type.MaxAge * unhealthyFactor)
            ? HealthCheckResult.Unhealthy(text, data: data)
            : HealthCheckResult.Degraded(text, data: data);
    }
}

/// <summary>
/// Without a Redis that takes writes none can be acknowledged. Where only a part of it is away (a server of a cluster, a slot that is being
/// moved) most are: to take the process out of service for that would turn a small outage into a whole one.
/// </summary>
internal sealed class BufferHealthCheck(StatusProbe probe) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        if (status.Durability.Shards is not { All: > 0 } shards)
        {
            return status.Durability.Reachable
                ? HealthCheckResult.Healthy("Redis answers.")
                : HealthCheckResult.Unhealthy("Redis does not answer: no write can be acknowledged until it is back.");
        }

        if (shards.Reason is null)
        {
            return HealthCheckResult.Healthy("Redis answers and takes writes.");
        }

        return shards.AnyTakesWrites
            ? HealthCheckResult.Degraded(string.Create(
                CultureInfo.InvariantCulture,
                $"Of {shards.All} shards {shards.Away} do not answer and {shards.Refusing} take no writes; the others do. {shards.Reason}"))
            : HealthCheckResult.Unhealthy($"No write can be acknowledged: {shards.Reason}");
    }
}

/// <summary>Without the database writes go on, so this is never worse than degraded; the age check says when it has gone too far.</summary>
internal sealed class DatabaseHealthCheck(StatusProbe probe) : StatusHealthCheck(probe)
{
    protected override HealthCheckResult Judge(EngineStatus status)
    {
        var broken = status.Types.Where(type => type.Breaker != BreakerState.Closed).ToList();
        if (broken.Count == 0)
        {
            return HealthCheckResult.Healthy("The database takes batches.");
        }

        var errors = string.Join(" ", broken.Select(type => $"{type.Type}: {type.LastError ?? "no error recorded."}"));
        return HealthCheckResult.Degraded($"The database fails; writes are acknowledged by Redis and flushed when it is back. {errors}");
    }
}

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
                $"Redis came back empty at {emptied:u}: writes acknowledged before and not yet flushed are lost. Find out why, then " +
                $"restart this process to clear the alarm."));
        }

        if (durability.WentBackAt is { } wentBack)
        {
            return HealthCheckResult.Degraded(string.Create(
                CultureInfo.InvariantCulture,
                $"Redis went back to an older state, or another server took its place, which was seen at {wentBack:u}: writes " +
                $"acknowledged ")
                + "since that state and not flushed are lost. Find out why, then restart this process to clear the alarm.");
        }

        return durability.Warnings.Count == 0
            ? HealthCheckResult.Healthy("Redis keeps what it acknowledges.")
            : HealthCheckResult.Degraded(string.Join(" ", durability.Warnings));
    }
}

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
            : HealthCheckResult.Degraded("Background loops fail and go on trying. " + string.Join(" ", failing.Select(loop => string.Create(
                CultureInfo.InvariantCulture, $"{loop.Name}: {loop.ConsecutiveFailures} times in a row, {loop.LastError}"))));
    }

    // A round under way counts by its beginning, be it the first or one after a failure; between rounds the last good one counts.
    private static DateTimeOffset? SilentSince(LoopStatus loop)
        => loop.RoundStartedAt ?? (loop.ConsecutiveFailures == 0 ? loop.LastCompletedAt : null);
}

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

/// <summary>One look at the engine, shared by all checks that ask within a short time.</summary>
internal sealed class StatusProbe(IWriteBehindEngine engine, TimeProvider clock, TimeSpan shareFor)
{
    private readonly Lock _lock = new();
    private Task<EngineStatus>? _look;
    private long _startedAt;

    public Task<EngineStatus> LookAsync(CancellationToken cancellationToken)
    {
        Task<EngineStatus> look;
        lock (_lock)
        {
            // A look under way is always shared: probes that come faster than Redis answers must not pile up on it.
            if (_look is null || _look.IsCompleted && (!_look.IsCompletedSuccessfully || clock.GetElapsedTime(_startedAt) >= shareFor))
            {
                _startedAt = clock.GetTimestamp();

                // The look belongs to all who share it, so no single caller's token may end it, and it runs in nobody's context.
                _look = Detached.RunAsync(static engine => engine.GetStatusAsync(CancellationToken.None), engine);
            }

            look = _look;
        }

        return look.MayBeAbandoned().WaitAsync(cancellationToken);
    }
}

/// <summary>The names and tags of the health checks, to select them by.</summary>
public static class WriteBehindHealth
{
    /// <summary>The tag of every check of this library.</summary>
    public const string Tag = "writebehind";

    /// <summary>
    /// The tag of the checks that decide whether this process should be given work: Redis and the background loops. An absent
    /// PostgreSQL is not among them: writes go on without it, and to take every process out of service then would turn a late
    /// database into an outage.
    /// </summary>
    public const string ReadyTag = "ready";

    /// <summary>The check that Redis answers.</summary>
    public const string Buffer = "writebehind-redis";

    /// <summary>The check that the database takes batches.</summary>
    public const string Database = "writebehind-postgresql";

    /// <summary>The check that no unflushed write is too old.</summary>
    public const string Age = "writebehind-age";

    /// <summary>The check that Redis keeps what it acknowledges.</summary>
    public const string Durability = "writebehind-durability";

    /// <summary>The check that the engine's background loops run.</summary>
    public const string Loops = "writebehind-loops";
}

/// <summary>The settings of the health checks.</summary>
public sealed class WriteBehindHealthOptions
{
    /// <summary>
    /// Beyond how many times <see cref="EntityTypeOptions.MaxAge"/> an unflushed write turns health from degraded to unhealthy;
    /// default 3, at least 1. Lower alarms sooner, higher rides out short database outages.
    /// </summary>
    public double UnhealthyAgeFactor { get; set; } = 3;

    /// <summary>
    /// How long a background loop may go without finishing or failing a round before it counts as dead; default 2 min. Longer than
    /// the longest round: a batch of the database may take up to <see cref="EntityTypeOptions.StatementTimeout"/>.
    /// </summary>
    public TimeSpan LoopSilence { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a check may take before it counts as failed; default 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// For how long one look at the engine answers all checks; default 0.5 s. Five checks of one probe then cost one round of Redis
    /// calls, however many probes there are.
    /// </summary>
    public TimeSpan ShareFor { get; set; } = TimeSpan.FromMilliseconds(500);

    internal void Validate()
    {
        if (double.IsNaN(UnhealthyAgeFactor) || UnhealthyAgeFactor < 1)
        {
            throw Wrong(nameof(UnhealthyAgeFactor), UnhealthyAgeFactor, "1 or more");
        }

        if (LoopSilence <= TimeSpan.Zero)
        {
            throw Wrong(nameof(LoopSilence), LoopSilence, "longer than zero");
        }

        if (Timeout <= TimeSpan.Zero)
        {
            throw Wrong(nameof(Timeout), Timeout, "longer than zero");
        }

        if (ShareFor < TimeSpan.Zero)
        {
            throw Wrong(nameof(ShareFor), ShareFor, "zero or longer");
        }
    }

    private static ConfigurationException Wrong(string setting, object value, string rule)
        => new($"{nameof(WriteBehindHealthOptions)}.{setting}", FormattableString.Invariant(
            $"{nameof(WriteBehindHealthOptions)}.{setting} is {value}; it must be {rule}."));
}
