using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Queues;
using WriteBehind.Redis;

namespace WriteBehind.Engine;

/// <summary>What all entity types of an engine share.</summary>
/// <param name="Options">The engine's settings.</param>
/// <param name="Redis">The connections.</param>
/// <param name="Sinks">Makes the sinks.</param>
/// <param name="Meter">The instruments.</param>
/// <param name="QueueMetrics">Counts the items of queues.</param>
/// <param name="Gate">Called at the protocol's steps.</param>
/// <param name="Time">The clock.</param>
/// <param name="Flushes">Bounds the batches at the database.</param>
/// <param name="Loads">Bounds the look-ups at the database.</param>
/// <param name="Loggers">Makes the loggers.</param>
internal sealed record EngineParts(
    WriteBehindOptions Options,
    RedisConnections Redis,
    IEntitySinkFactory Sinks,
    EngineMeter Meter,
    QueueMetrics QueueMetrics,
    IProtocolGate Gate,
    TimeProvider Time,
    SemaphoreSlim Flushes,
    SemaphoreSlim Loads,
    ILoggerFactory Loggers);

/// <summary>Stands where no sink was chosen, and says so.</summary>
internal sealed class MissingSinkFactory : IEntitySinkFactory
{
    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
        => throw new ConfigurationException(
            "UseSink", "No sink is registered: call UseEntityFramework<TContext>() (package WriteBehind.EntityFrameworkCore), or UseSink with your own.", options.Type);
}
