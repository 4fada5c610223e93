namespace WriteBehind;

/// <summary>The settings of the engine as a whole. All are validated at start-up.</summary>
public sealed class WriteBehindOptions
{
    /// <summary>What every Redis key begins with; default <c>wb</c>. Same alphabet as type names.</summary>
    public string KeyPrefix { get; set; } = "wb";

    /// <summary>
    /// Refuse to start with a Redis that may lose acknowledged writes (no append-only file, or an eviction policy that may drop
    /// them); default false: a warning and a degraded health state.
    /// </summary>
    public bool RequireDurableBuffer { get; set; }

    /// <summary>
    /// How many replicas must have a write before it is acknowledged (<c>WAIT</c>); default 0. Each write then costs a further round trip,
    /// and the process one more connection.
    /// </summary>
    public int ReplicaAcknowledgements { get; set; }

    /// <summary>How long replicas are waited for before a write's outcome counts as unknown; default 1 s.</summary>
    public TimeSpan ReplicaTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a write whose answer never came is asked after before <see cref="BufferUnavailableException"/>; default 5 s.
    /// </summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How many times an update function is run again after conflicts before <see cref="WriteConflictException"/>; default 16.
    /// </summary>
    public int MaxUpdateRetries { get; set; } = 16;

    /// <summary>
    /// How many batches may be at the database at once, over all types of this process; default 4. Each uses one connection.
    /// </summary>
    public int MaxConcurrentFlushes { get; set; } = 4;

    /// <summary>
    /// How many look-ups may be at the database at once, over all types of this process; default 4. Each uses one connection.
    /// </summary>
    public int MaxConcurrentLoads { get; set; } = 4;

    /// <summary>
    /// How long a look-up at the database may take, with its wait for one of the <see cref="MaxConcurrentLoads"/>; default 10 s. After it
    /// the callers get a <see cref="SinkException"/>, and further look-ups of the type fail at once until one that probes is answered.
    /// Shorter frees callers sooner where a table is locked or the database stands still; longer suits tables that are slow to read.
    /// </summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a stop waits for the last flush; default 25 s, inside the 30 s of <c>HostOptions.ShutdownTimeout</c>. 0 does not flush at
    /// stop.
    /// </summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>The first pause after a transient database failure; default 0.5 s. Doubles with each failure, with jitter.</summary>
    public TimeSpan BackoffStart { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The longest pause after transient database failures; default 60 s. An outage is noticed to be over this late at most.
    /// </summary>
    public TimeSpan BackoffCap { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether this process sweeps; default true. One sweeping process is enough, several share the work.</summary>
    public bool Sweep { get; set; } = true;

    /// <summary>How often durability, epoch and backlog are looked at; default 5 s.</summary>
    public TimeSpan WatchInterval { get; set; } = TimeSpan.FromSeconds(5);
}
