using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Redis;

namespace WriteBehind.Engine;

/// <summary>Watches what Redis promises, and whether it is still the one that holds what was acknowledged.</summary>
internal sealed partial class DurabilityGuard(
    RedisConnections redis, WriteBehindOptions options, Admission admission, TimeProvider time, ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger(LogCategories.Durability);
    private readonly Lock _changing = new();
    private DurabilityStatus _status = new(Reachable: false, [], EmptiedAt: null);

    /// <summary>What was seen last.</summary>
    public DurabilityStatus Status => Volatile.Read(ref _status);

    /// <summary>Reads Redis' settings.</summary>
    /// <param name="starting">At start-up, where <see cref="WriteBehindOptions.RequireDurableBuffer"/> may refuse.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ConfigurationException">A durable buffer is required and this one is not.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task InspectAsync(bool starting, CancellationToken cancellationToken)
    {
        try
        {
            var guards = await ProveAsync(starting, cancellationToken).ConfigureAwait(false);
            if (starting && options.ReplicaAcknowledgements > 0)
            {
                await RefuseClusterAsync(cancellationToken).ConfigureAwait(false);
                await ReplicaWait.ProveAsync(redis, options.ReplicaAcknowledgements, cancellationToken).ConfigureAwait(false);
            }

            var settings = await RedisSettings.InspectAsync(redis, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<string> warnings = [.. guards, .. settings];
            if (starting && options.RequireDurableBuffer && warnings.Count > 0)
            {
                throw new ConfigurationException(
                    nameof(WriteBehindOptions.RequireDurableBuffer),
                    $"RequireDurableBuffer is set, but acknowledged writes may be lost. {string.Join(' ', warnings)}");
            }

            foreach (var warning in warnings.Except(Status.Warnings, StringComparer.Ordinal))
            {
                NotDurable(_logger, warning);
            }

            Change(status => status with { Reachable = true, Warnings = warnings });
        }
        catch (BufferUnavailableException)
        {
            Change(static status => status with { Reachable = false });
            throw;
        }
    }

    /// <summary>
    /// Tries out what the protocol relies on: at the start, and after each new connection, as another server may have taken the place. In
    /// between it looks whether the right to WATCH is still there.
    /// </summary>
    /// <returns>What does not hold any more; empty where all is well.</returns>
    private async Task<IReadOnlyList<string>> ProveAsync(bool starting, CancellationToken cancellationToken)
    {
        if (starting)
        {
            await redis.ProveAsync(cancellationToken).ConfigureAwait(false);
            return [];
        }

        try
        {
            if (!redis.IsProved)
            {
                await redis.ProveAsync(cancellationToken).ConfigureAwait(false);
            }

            await redis.FindOneServerAsync(isNeeded: false, cancellationToken).ConfigureAwait(false);
            await redis.ProveStillWatchedAsync(cancellationToken).ConfigureAwait(false);
            return [];
        }
        catch (ConfigurationException e)
        {
            if (!redis.IsProved)
            {
                admission.Refuse(e);
            }

            if (!Status.Warnings.Contains(e.Message, StringComparer.Ordinal))
            {
                GuardGone(_logger, e);
            }

            return [e.Message];
        }
    }

    /// <summary>
    /// WAIT has no key to be routed by, and speaks of the writes of its own connection: in a cluster it would ask any master about
    /// writes that another one has.
    /// </summary>
    private async Task RefuseClusterAsync(CancellationToken cancellationToken)
    {
        if (redis.IsBehindProxy
            || (await redis.MastersAsync(cancellationToken).ConfigureAwait(false)).Any(server => server.ServerType == ServerType.Cluster))
        {
            throw new ConfigurationException(
                nameof(WriteBehindOptions.ReplicaAcknowledgements),
                $"ReplicaAcknowledgements is {options.ReplicaAcknowledgements}, but Redis at {redis.Description} is a Redis Cluster, " +
                "where no replica can be waited for. Set it to 0, and min-replicas-to-write in the cluster's own settings.");
        }
    }

    /// <summary>Notes that Redis came back empty. Nothing is deleted for it: only tombstones ever delete rows.</summary>
    public void ReportEmptied(string type)
    {
        Emptied(_logger, type);
        Change(status => status with { EmptiedAt = status.EmptiedAt ?? time.GetUtcNow() });
    }

    /// <summary>Notes that Redis went back to an older state: a copy was restored, or a replica took over that lagged.</summary>
    public void ReportWentBack(string type)
    {
        WentBack(_logger, type);
        Change(status => status with { WentBackAt = status.WentBackAt ?? time.GetUtcNow() });
    }

    /// <summary>
    /// Notes that Redis is not the server that was there before, or was restarted, while nobody was there to see whether it went back. Nor
    /// is it known that it did: a restart that loses nothing looks the same.
    /// </summary>
    public void ReportOtherServer(string type)
    {
        OtherServer(_logger, type);
        Change(status => status with { WentBackAt = status.WentBackAt ?? time.GetUtcNow() });
    }

    // Types are looked at side by side, and none may undo what another one has found.
    private void Change(Func<DurabilityStatus, DurabilityStatus> change)
    {
        lock (_changing)
        {
            Volatile.Write(ref _status, change(_status));
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Acknowledged writes may be lost: {Warning}")]
    private static partial void NotDurable(ILogger logger, string warning);

    [LoggerMessage(2, LogLevel.Critical,
        "Redis came back empty: what was acknowledged for {Type} and not yet flushed is lost. PostgreSQL keeps what it has; writers " +
        "confirm their versions there before they go on.")]
    private static partial void Emptied(ILogger logger, string type);

    [LoggerMessage(3, LogLevel.Critical, "What keeps acknowledged writes safe is not there any more.")]
    private static partial void GuardGone(ILogger logger, Exception error);

    [LoggerMessage(
        5,
        LogLevel.Critical,
        "Redis went back to an older state: what was acknowledged for {Type} since and not flushed is lost. " +
        "What Redis has of before is compared with PostgreSQL before it is used; writes from now on count.")]
    private static partial void WentBack(ILogger logger, string type);

    [LoggerMessage(
        6,
        LogLevel.Warning,
        "Redis was restarted, or another server took its place, while no process was there to see whether it went back to an older " +
        "state. What it has of {Type} is compared with PostgreSQL before it is used.")]
    private static partial void OtherServer(ILogger logger, string type);
}
