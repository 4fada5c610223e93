namespace WriteBehind;

/// <summary>The settings of one entity type. All are validated at start-up.</summary>
public abstract class EntityTypeOptions
{
    private protected EntityTypeOptions(string type) => Type = type;

    /// <summary>The registered name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'. Part of every Redis key.</summary>
    public string Type { get; }

    /// <summary>The CLR type of the state.</summary>
    public abstract Type StateType { get; }

    internal abstract bool HasSerializer { get; }

    /// <summary>
    /// How long after its first unflushed write an entity is flushed; default 1 s. Longer saves more database writes on hot
    /// entities, shorter keeps PostgreSQL closer behind.
    /// </summary>
    public TimeSpan FlushDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The oldest a dirty entity may get while the database is up; default 10 s. Health turns bad beyond it. At least
    /// <see cref="FlushDelay"/>.
    /// </summary>
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The most entities one database statement carries; default 500, at most 10,000. Where states are large fewer: as many as fit into
    /// about 8 MiB.
    /// </summary>
    public int BatchSize { get; set; } = 500;

    /// <summary>How long a flush on demand waits for others to share its batch; default 2 ms. 0 sends at once.</summary>
    public TimeSpan MaxBatchDelay { get; set; } = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// Whether a write is flushed at once instead of after <see cref="FlushDelay"/>; default false. Every process that has it on sends a
    /// notice with each acknowledged write, through a reliable queue in Redis, and flushes what others send. Keeps PostgreSQL milliseconds
    /// behind; writes are then coalesced only while a flush is under way, so hot entities cost many more database writes. A notice that
    /// gets lost does no harm: the sweep finds the entity all the same.
    /// </summary>
    public bool NotifyFlush { get; set; }

    /// <summary>
    /// How long a flusher holds an entity; default 30 s, at least 2 s. After a crash the entities it held wait this long. Database
    /// statements end inside it.
    /// </summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The statement time-out of a save; default 10 s. Cut down where the lease ends sooner.</summary>
    public TimeSpan StatementTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the version of a flushed entity is remembered in Redis; default 10 min. A writer that loaded longer ago is checked
    /// against PostgreSQL instead. Shorter costs more look-ups, longer more memory (about 100 bytes per entity).
    /// </summary>
    public TimeSpan FenceTime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The same for deleted entities, where no row is left to guard; default 24 h. At least <see cref="FenceTime"/>.</summary>
    public TimeSpan TombstoneFenceTime { get; set; } = TimeSpan.FromHours(24);

    /// <summary>
    /// The bound of unflushed entities (dirty ones and dead letters), default 1,000,000; it is never exceeded. Beyond it
    /// writes to further entities are refused with <see cref="BufferFullException"/>.
    /// It is shared out among the shards, so the first of them may refuse a little before the sum is reached. On a Redis Cluster it must
    /// be at least <see cref="Shards"/>.
    /// </summary>
    public long MaxDirty { get; set; } = 1_000_000;

    /// <summary>
    /// Into how many hash slots the type is spread; default 16, at most 1,024. Recorded in Redis at first use; it can't change while
    /// Redis holds entities of the type.
    /// </summary>
    public int Shards { get; set; } = 16;

    /// <summary>What happens to the state in Redis after the flush; default <see cref="AfterFlush.Delete"/>.</summary>
    public AfterFlush AfterFlush { get; set; } = AfterFlush.Delete;

    /// <summary>How long a clean entry stays with <see cref="AfterFlush.Keep"/>; default 5 min. A dirty entity never expires.</summary>
    public TimeSpan CacheTtl { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// When writes are acknowledged; default <see cref="WriteStrategy.Behind"/>. Single writes may choose otherwise
    /// (<see cref="IEntityStore{TState}.With"/>).
    /// </summary>
    public WriteStrategy WriteStrategy { get; set; }

    /// <summary>
    /// How long a write-through waits for PostgreSQL before <see cref="WriteThroughException"/>; default 10 s. The write stays buffered
    /// then.
    /// </summary>
    public TimeSpan WriteThroughTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often an entity that the database rejects is tried before it becomes a dead letter; default 5.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>The pause before the second try of a rejected entity; doubles with each, up to 4 s; default 0.5 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest serialised state, in bytes; default 1 MiB.</summary>
    public int MaxPayloadBytes { get; set; } = 1 << 20;

    /// <summary>
    /// For how long operations (calls with an operation id) are remembered, from the time that their id carries; default 10 min, 1 s to
    /// 1 day. A repeat within it gets the first answer; one that comes later gets <see cref="OperationForgottenException"/>. Longer costs
    /// memory: about 100 bytes and its result for each operation, for up to twice that time.
    /// </summary>
    public TimeSpan OperationTime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The most operations that are remembered of the type; default 1,000,000, at least four for each of <see cref="Shards"/>. Shared out
    /// among the shards. Beyond it the oldest are forgotten first, about half of a shard's at once, before <see cref="OperationTime"/> is
    /// over: they, and what is as old in their shard, are refused from then on.
    /// </summary>
    public long MaxOperations { get; set; } = 1_000_000;

    /// <summary>
    /// The most operations that are remembered of one entity; default 20,000, at least 2 (no more than half of a shard's share). Beyond it
    /// its oldest are forgotten first, about half of them at once.
    /// </summary>
    public int MaxOperationsPerEntity { get; set; } = 20_000;

    /// <summary>
    /// The longest result of an operation, in bytes; default 4,096, at most 1 MiB. Beyond it <see cref="OperationResultException"/>, before
    /// anything is written.
    /// </summary>
    public int MaxOperationResultBytes { get; set; } = 4_096;

    /// <summary>
    /// The version of the state's schema, written into every payload; default 1, at most 65,535. Raise it with an upgrade.
    /// </summary>
    public int SchemaVersion { get; set; } = 1;

    /// <summary>
    /// The most entities that one settle transaction carries; default 200. Larger groups are quicker until one of them aborts.
    /// </summary>
    public int SettleGroup { get; set; } = 200;

    /// <summary>
    /// Of how many entities a process remembers what it wrote last; default 10,000, 0 for none. A change of an entity that Redis still
    /// holds as this process left it needs no look before its write. More spare more round trips, and take more memory.
    /// </summary>
    public int RecentWrites { get; set; } = 10_000;

    /// <summary>How many bytes of states it remembers so, at most; default 16 MiB. A state of more than a quarter of it is not.</summary>
    public long RecentWriteBytes { get; set; } = 16 << 20;
}

/// <summary>What happens to the buffered state once it is in the database.</summary>
public enum AfterFlush
{
    /// <summary>It is deleted from Redis; only the fence stays. Least memory; the next read comes from the database.</summary>
    Delete,

    /// <summary>
    /// It stays as a clean entry for <see cref="EntityTypeOptions.CacheTtl"/>, so that reads and updates need no database.
    /// </summary>
    Keep,
}

/// <summary>The settings of one entity type whose state is a <typeparamref name="TState"/>.</summary>
public sealed class EntityTypeOptions<TState> : EntityTypeOptions
    where TState : class
{
    internal EntityTypeOptions(string type)
        : base(type)
    {
    }

    /// <inheritdoc />
    public override Type StateType => typeof(TState);

    internal override bool HasSerializer => Serializer is not null;

    /// <summary>Turns states into bytes and back; default <see cref="JsonStateSerializer{TState}"/>.</summary>
    public IStateSerializer<TState> Serializer { get; set; } = new JsonStateSerializer<TState>();

    /// <summary>
    /// Brings the body of a payload from an older schema version to the next one: the entry at key n turns version n into n + 1.
    /// Every version below <see cref="EntityTypeOptions.SchemaVersion"/> that may still be in Redis needs one.
    /// </summary>
    public IDictionary<int, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> Upgrades { get; } =
        new Dictionary<int, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>>();
}

/// <summary>When a write of an entity is acknowledged.</summary>
public enum WriteStrategy
{
    /// <summary>Once Redis has it; PostgreSQL follows. Quickest, and many writes of one entity are one row written.</summary>
    Behind,

    /// <summary>
    /// Once PostgreSQL has it: it is written to Redis as ever, under the same version guard, and then flushed at once. Costs a database
    /// transaction, shared with what else is flushed at that moment.
    /// </summary>
    Through,
}
