using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Queues;
using WriteBehind.Redis;

namespace WriteBehind.Flushing;

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

/// <summary>What the parts of one entity type share.</summary>
internal class TypeParts
{
    public TypeParts(EntityTypeOptions options, EngineParts engine)
    {
        (Options, Engine) = (options, engine);
        Logger = engine.Loggers.CreateLogger($"WriteBehind.{options.Type}");
        Metrics = new TypeMetrics(engine.Meter, options.Type, engine.Time);
        Buffer = new EntityBuffer(engine.Redis, options, engine.Options, engine.Gate);
        Claims = new Claims(engine.Redis, Buffer.Keys, options);
        Pressure = new WritePressure(Buffer.Keys, engine.Time);
        Ledger = new RetryLedger(options.MaxAttempts, options.RetryDelay, engine.Time);
    }

    /// <summary>The type's settings.</summary>
    public EntityTypeOptions Options { get; }

    /// <summary>What all types share.</summary>
    public EngineParts Engine { get; }

    public TimeProvider Time => Engine.Time;

    /// <summary>Under the type's name, whoever of them speaks.</summary>
    public ILogger Logger { get; }

    public TypeMetrics Metrics { get; }

    public EntityBuffer Buffer { get; }

    public Claims Claims { get; }

    /// <summary>What the latest writes met.</summary>
    public WritePressure Pressure { get; }

    /// <summary>What the database rejected lately.</summary>
    public RetryLedger Ledger { get; }
}

/// <summary>What the parts of one entity type share that know its state type.</summary>
internal sealed class TypeParts<TState>(EntityTypeOptions<TState> options, EngineParts engine) : TypeParts(options, engine)
    where TState : class
{
    public PayloadCodec<TState> Codec { get; } = new(options);

    /// <summary>The database side.</summary>
    public IEntitySink<TState> Sink { get; } = engine.Sinks.Create(options);
}
