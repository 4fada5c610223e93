using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Engine;

/// <summary>Watches what Redis promises, and whether it is still the one that holds what was acknowledged.</summary>
internal sealed partial class DurabilityGuard(RedisConnections redis, WriteBehindOptions options, TimeProvider time, ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger(LogCategories.Durability);
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
            if (starting && options.ReplicaAcknowledgements > 0)
            {
                await RefuseClusterAsync(cancellationToken).ConfigureAwait(false);
            }

            var warnings = await RedisSettings.InspectAsync(redis, cancellationToken).ConfigureAwait(false);
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

            Volatile.Write(ref _status, Status with { Reachable = true, Warnings = warnings });
        }
        catch (BufferUnavailableException)
        {
            Volatile.Write(ref _status, Status with { Reachable = false });
            throw;
        }
    }

    /// <summary>
    /// WAIT has no key to be routed by, and speaks of the writes of its own connection: in a cluster it would ask any master about
    /// writes that another one has.
    /// </summary>
    private async Task RefuseClusterAsync(CancellationToken cancellationToken)
    {
        var masters = await redis.MastersAsync(cancellationToken).ConfigureAwait(false);
        if (masters.Any(server => server.ServerType == ServerType.Cluster))
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
        Volatile.Write(ref _status, Status with { EmptiedAt = Status.EmptiedAt ?? time.GetUtcNow() });
    }

    [LoggerMessage(1, LogLevel.Warning, "Acknowledged writes may be lost: {Warning}")]
    private static partial void NotDurable(ILogger logger, string warning);

    [LoggerMessage(2, LogLevel.Critical,
        "Redis came back empty: what was acknowledged for {Type} and not yet flushed is lost. PostgreSQL keeps what it has; writers " +
        "confirm their versions there before they go on.")]
    private static partial void Emptied(ILogger logger, string type);
}
