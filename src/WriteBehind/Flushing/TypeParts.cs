using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Common;
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
/// <param name="Admission">Whether the buffers may be used.</param>
/// <param name="Time">The clock.</param>
/// <param name="Flushes">Bounds the batches at the database.</param>
/// <param name="Loads">Bounds the look-ups at the database.</param>
/// <param name="Settles">The turn of a settle, as there is one connection for them.</param>
/// <param name="CleanEntries">Makes room in a Redis that is full.</param>
/// <param name="Types">How many entity types there are.</param>
/// <param name="Loggers">Makes the loggers.</param>
internal sealed record EngineParts(
    WriteBehindOptions Options,
    RedisConnections Redis,
    IEntitySinkFactory Sinks,
    EngineMeter Meter,
    QueueMetrics QueueMetrics,
    IProtocolGate Gate,
    Admission Admission,
    TimeProvider Time,
    SemaphoreSlim Flushes,
    SemaphoreSlim Loads,
    SemaphoreSlim Settles,
    CleanEntries CleanEntries,
    int Types,
    ILoggerFactory Loggers)
{
    /// <summary>How many of the slots of all types one type may have: where there are others, one is left to them.</summary>
    public int ShareOf(int slots) => Types > 1 ? Math.Max(1, slots - 1) : slots;

    /// <summary>A type's way into the slots of all types.</summary>
    public TypeSlots SlotsOf(SemaphoreSlim all, int count) => new(all, new SemaphoreSlim(ShareOf(count)));

    /// <summary>
    /// Lets batches under way end before their connections go. Not for long: one may hang at the database, and what it does not
    /// settle is settled by the next process.
    /// </summary>
    public async Task AwaitBatchesAsync(TimeSpan longest)
    {
        var slots = 0;
        using var limit = new CancellationTokenSource(longest, Time);
        try
        {
            for (; slots < Options.MaxConcurrentFlushes; slots++)
            {
                await Flushes.WaitAsync(limit.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // It hangs.
        }

        if (slots > 0)
        {
            Flushes.Release(slots);
        }
    }
}

/// <summary>One type's way into the slots of all types. One whose work hangs must not take them all.</summary>
internal sealed class TypeSlots(SemaphoreSlim all, SemaphoreSlim own)
{
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        await own.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await all.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            own.Release();
            throw;
        }
    }

    public void Leave()
    {
        all.Release();
        own.Release();
    }
}

/// <summary>What the parts of one entity type share.</summary>
internal partial class TypeParts
{
    public TypeParts(EntityTypeOptions options, EngineParts engine)
    {
        (Options, Engine) = (options, engine);
        Logger = engine.Loggers.CreateLogger($"WriteBehind.{options.Type}");
        Metrics = new TypeMetrics(engine.Meter, options.Type, engine.Time);
        Traces = new WriteTraces(options.Type);
        Buffer = new EntityBuffer(
            engine.Redis,
            options,
            engine.Options,
            engine.Gate,
            engine.Admission,
            engine.Time,
            e => ShardsApart(Logger, e, options.Type, CallsApart.Duration));
        Record = new TypeRecord(engine.Redis, Buffer, options, engine.Options);
        Recent = new RecentWrites(options);
        Claims = new Claims(engine.Redis, Buffer, options, engine.Admission);
        Pauses = new FlushPauses(engine.Redis, Buffer.Keys, options, engine.Time);
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

    public WriteTraces Traces { get; }

    public EntityBuffer Buffer { get; }

    /// <summary>The type's entry in Redis.</summary>
    public TypeRecord Record { get; }

    public Claims Claims { get; }

    /// <summary>Pauses the flush of the type.</summary>
    public FlushPauses Pauses { get; }

    /// <summary>What this process wrote last.</summary>
    public RecentWrites Recent { get; }

    /// <summary>What the latest writes met.</summary>
    public WritePressure Pressure { get; }

    /// <summary>What the database rejected lately.</summary>
    public RetryLedger Ledger { get; }

    /// <summary>Begins to flush again what Redis keeps and the database has lost; told if a row is older than what was settled.</summary>
    public Action RecheckKept { get; set; } = static () => { };

    [LoggerMessage(
        1,
        LogLevel.Warning,
        "Writes of several shards of {Type} could not share a call to Redis, so for {While} they go shard by shard, which is slower and " +
        "as safe. Then sharing is tried again.")]
    private static partial void ShardsApart(ILogger logger, Exception error, string type, TimeSpan @while);
}

/// <summary>What the parts of one entity type share that know its state type.</summary>
internal sealed class TypeParts<TState> : TypeParts
    where TState : class
{
    public TypeParts(EntityTypeOptions<TState> options, EngineParts engine)
        : base(options, engine)
    {
        Sink = new VerifiedSink<TState>(engine.Sinks.CreateDetached(options), options.Type, Record.BelongsToAsync, Logger);
        Codec = new PayloadCodec<TState>(options, Sink.CheckState, Sink.CheckEveryState);
    }

    public PayloadCodec<TState> Codec { get; }

    /// <summary>The database side.</summary>
    public IEntitySink<TState> Sink { get; }
}
