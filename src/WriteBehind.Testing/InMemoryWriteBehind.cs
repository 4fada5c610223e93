using System.Text;
using WriteBehind.Buffer;

namespace WriteBehind.Testing;

/// <summary>
/// What Redis and PostgreSQL are to the real engine, in memory: for tests, which look at it, flush it, change rows behind the engine's back
/// and make it fail. One engine or several (the silos of a test cluster, a service that restarts) may stand on it.
/// </summary>
/// <remarks>
/// <para>Nothing is flushed before the test says so (<see cref="FlushAllAsync"/>, a store's <see cref="IEntityStore{TState}.FlushAsync"/>,
/// a write-through, a grain that is deactivated, a stop), unless the test brings a clock that it can put forward: then time flushes as in
/// the real engine.</para>
/// <para>Nothing waits for what does not come back by itself: where the real engine gives up after a time-out, this one fails at
/// once.</para>
/// </remarks>
public sealed class InMemoryWriteBehind
{
    private readonly Dictionary<string, EntityData> _types = new(StringComparer.Ordinal);
    private readonly List<MemoryEngine> _engines = [];
    private long _tick;
    private bool? _lostWrite;
    private bool _redisAway;
    private bool _databaseAway;
    private bool _flushesByTime;

    /// <summary>Creates empty servers.</summary>
    /// <param name="time">
    /// Their clock; null for the system's. Operation ids carry the time at which they were made, so a clock for tests should start at the
    /// present: <c>new FakeTimeProvider(DateTimeOffset.UtcNow)</c>.
    /// </param>
    public InMemoryWriteBehind(TimeProvider? time = null)
    {
        Time = time ?? TimeProvider.System;
        _flushesByTime = Time != TimeProvider.System;
    }

    /// <summary>Their clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>
    /// Whether what is dirty is flushed once its <see cref="EntityTypeOptions.FlushDelay"/> is over; default: where the clock is another
    /// than the system's. With the system's clock a test would race with it.
    /// </summary>
    public bool FlushesByTime
    {
        get => Volatile.Read(ref _flushesByTime);
        set
        {
            Volatile.Write(ref _flushesByTime, value);
            Array.ForEach(Engines, static engine => engine.Schedule());
        }
    }

    /// <summary>
    /// Whether Redis is away: reads, writes and flushes fail with <see cref="BufferUnavailableException"/>, and nothing is written. What it
    /// holds is kept.
    /// </summary>
    public bool RedisAway
    {
        get => Volatile.Read(ref _redisAway);
        set => Volatile.Write(ref _redisAway, value);
    }

    /// <summary>
    /// Whether the database is away: writes go on, what is not in Redis can't be loaded (<see cref="SinkException"/>), and nothing is
    /// flushed.
    /// </summary>
    public bool DatabaseAway
    {
        get => Volatile.Read(ref _databaseAway);
        set => Volatile.Write(ref _databaseAway, value);
    }

    /// <summary>
    /// What is dirty, of all types: acknowledged, and not in the database yet. The longest dirty first. Dead letters are not among it.
    /// </summary>
    public IReadOnlyList<EntityRef> Dirty
    {
        get
        {
            lock (Gate)
            {
                var marks = _types.SelectMany(static type => type.Value.Dirty.Select(
                    mark => (mark.Value.Order, Name: new EntityRef(type.Key, mark.Key))));
                return [.. marks.OrderBy(static mark => mark.Order).Select(static mark => mark.Name)];
            }
        }
    }

    /// <summary>Held by whoever looks at or changes what the servers hold.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Another one after each reset: what was known before counts for nothing.</summary>
    internal string Epoch { get; private set; } = Guid.NewGuid().ToString("N");

    internal DateTimeOffset Now => Time.GetUtcNow();

    private MemoryEngine[] Engines
    {
        get
        {
            lock (Gate)
            {
                return [.. _engines];
            }
        }
    }

    /// <summary>
    /// The next write is sent and its answer is lost: its caller gets a <see cref="BufferUnavailableException"/> whose
    /// <see cref="BufferUnavailableException.OutcomeUnknown"/> is true.
    /// </summary>
    /// <param name="written">Whether it has arrived all the same.</param>
    public void LoseNextAnswer(bool written = true)
    {
        lock (Gate)
        {
            _lostWrite = written;
        }
    }

    /// <summary>
    /// Flushes whatever is dirty, in all types, as <see cref="IWriteBehindEngine.FlushAllAsync"/> does. What the database rejects is tried
    /// once and named in the report.
    /// </summary>
    /// <exception cref="InvalidOperationException">No engine stands on these servers (yet, or any more).</exception>
    public Task<FlushReport> FlushAllAsync() => Engine().FlushAllAsync();

    /// <summary>The table of the only entity type that has this state type.</summary>
    /// <exception cref="UnknownEntityTypeException">No type, or more than one, has it.</exception>
    /// <exception cref="InvalidOperationException">No engine stands on these servers (yet, or any more).</exception>
    public InMemoryTable<TState> Table<TState>()
        where TState : class
        => Engine().Type<TState>().Table;

    /// <summary>The table of an entity type.</summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name has this state type.</exception>
    /// <exception cref="InvalidOperationException">No engine stands on these servers (yet, or any more).</exception>
    public InMemoryTable<TState> Table<TState>(string type)
        where TState : class
        => Engine().Type<TState>(type).Table;

    /// <summary>
    /// The table of an entity type whose state type can't be named: that of a grain storage provider, for example, which is
    /// <c>grain-</c> and the provider's name.
    /// </summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="InvalidOperationException">No engine stands on these servers (yet, or any more).</exception>
    public InMemoryTable Table(string type) => Engine().Type(type).AnyTable;

    /// <summary>
    /// Empties both servers and ends all faults. What grains and sessions hold from before counts for nothing: their next save is refused
    /// as a conflict, and they load.
    /// </summary>
    public void Reset()
    {
        lock (Gate)
        {
            Epoch = Guid.NewGuid().ToString("N");
            _lostWrite = null;
            (RedisAway, DatabaseAway) = (false, false);
            foreach (var type in _types.Values)
            {
                type.Clear();
            }
        }

        Array.ForEach(Engines, static engine => engine.Forget());
    }

    /// <summary>
    /// A moment, in ticks since 1970, that differs from all before it: a clock that stands still must not make two things seem to be at
    /// once.
    /// </summary>
    internal long Tick() => _tick = Math.Max(_tick + 1, (Now - DateTimeOffset.UnixEpoch).Ticks);

    /// <summary>What is to become of the write that comes now: null where its answer arrives, else whether it was written.</summary>
    internal bool? TakeLostWrite()
    {
        var lost = _lostWrite;
        _lostWrite = null;
        return lost;
    }

    internal EntityData DataOf(string type)
    {
        lock (Gate)
        {
            return _types.TryGetValue(type, out var known) ? known : _types[type] = new EntityData(this);
        }
    }

    internal void Attach(MemoryEngine engine)
    {
        lock (Gate)
        {
            _engines.Add(engine);
        }
    }

    internal void Detach(MemoryEngine engine)
    {
        lock (Gate)
        {
            _engines.Remove(engine);
        }
    }

    /// <summary>Any will do; the latest knows the present settings.</summary>
    private MemoryEngine Engine() => Engines.LastOrDefault() ?? throw new InvalidOperationException(
        "No engine stands on these servers, so nobody knows their entity types: " +
        $"AddWriteBehindForTests makes one, once a store, {nameof(IWriteBehindEngine)} or " +
        $"{nameof(InMemoryWriteBehind)} is taken from the services or the host has started; it goes when they are disposed.");
}

/// <summary>
/// The table of one entity type, past the engine: as another program, or somebody with SQL, sees and changes it. Got from
/// <see cref="InMemoryWriteBehind"/>.
/// </summary>
public abstract class InMemoryTable
{
    private const string BrokenCheck = "23514";

    private protected InMemoryTable(MemoryType type) => Of = type;

    /// <summary>The registered name of the entity type.</summary>
    public string Type => Of.Options.Type;

    /// <summary>The ids of the rows, in ordinal order.</summary>
    public IReadOnlyList<string> Ids
    {
        get
        {
            lock (Of.Servers.Gate)
            {
                return [.. Of.Data.Rows.Keys];
            }
        }
    }

    private protected MemoryType Of { get; }

    /// <summary>The version of a row; null where there is none.</summary>
    public long? VersionOf(string id) => Find(id)?.Version;

    /// <summary>The state of a row as it was serialised, which is JSON by default; null where there is no row.</summary>
    public string? TextOf(string id) => Find(id) is { } row ? Encoding.UTF8.GetString(PayloadCodec.BodyOf(row.Payload).Span) : null;

    /// <summary>Whether the entity has acknowledged changes that the table lacks.</summary>
    public bool IsDirty(string id)
    {
        lock (Of.Servers.Gate)
        {
            return Of.Data.Dirty.ContainsKey(id);
        }
    }

    /// <summary>Removes a row, as another program would: the engine is not told.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Remove(string id)
    {
        lock (Of.Servers.Gate)
        {
            return Of.Data.Rows.Remove(id);
        }
    }

    /// <summary>
    /// Has the database reject an entity whatever its state is, until <see cref="AcceptAll"/>: after
    /// <see cref="EntityTypeOptions.MaxAttempts"/> tries it is a dead letter.
    /// </summary>
    /// <param name="id">The entity.</param>
    /// <param name="error">What the database says.</param>
    /// <param name="code">Its code (SQLSTATE); that of a broken check by default.</param>
    public void Reject(string id, string error = "The test has this row rejected.", string code = BrokenCheck)
        => AddRejection((other, _) => other == id ? Rejection(id, error, code) : null);

    /// <summary>Has the database take everything again. Dead letters stay until they are retried, or their entities written.</summary>
    public void AcceptAll()
    {
        lock (Of.Servers.Gate)
        {
            Of.Data.Rejections.Clear();
        }
    }

    private protected void AddRejection(Func<string, byte[]?, SinkException?> rejection)
    {
        lock (Of.Servers.Gate)
        {
            Of.Data.Rejections.Add(rejection);
        }
    }

    private protected SinkException Rejection(string id, string error, string code = BrokenCheck)
        => new(SinkFailure.Entity, error, code, Type, id);

    private protected Row? Find(string id)
    {
        lock (Of.Servers.Gate)
        {
            return Of.Data.Rows.TryGetValue(id, out var row) ? row : null;
        }
    }
}

/// <summary>The table of an entity type whose state is a <typeparamref name="TState"/>.</summary>
public sealed class InMemoryTable<TState> : InMemoryTable
    where TState : class
{
    private readonly PayloadCodec<TState> _codec;

    internal InMemoryTable(MemoryType type, PayloadCodec<TState> codec)
        : base(type)
        => _codec = codec;

    /// <summary>A row, read back as the engine would read it; null where there is none.</summary>
    public Entity<TState>? this[string id] => Find(id) is { } row ? Read(id, row) : null;

    /// <summary>All rows by id.</summary>
    public IReadOnlyDictionary<string, Entity<TState>> Rows
    {
        get
        {
            lock (Of.Servers.Gate)
            {
                return Of.Data.Rows.ToDictionary(static row => row.Key, row => Read(row.Key, row.Value), StringComparer.Ordinal);
            }
        }
    }

    /// <summary>Writes a row, as another program would: the engine is not told.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="state">The state.</param>
    /// <param name="version">
    /// The version; null to raise the present one by one, as programs are asked to. A row that is newer than a dirty entity fences it: its
    /// flush makes it a dead letter, and its owners load the row.
    /// </param>
    /// <returns>The version of the row.</returns>
    public long Put(string id, TState state, long? version = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        var payload = _codec.Encode(id, state);
        lock (Of.Servers.Gate)
        {
            var stored = version ?? ((VersionOf(id) ?? 0) + 1);
            Of.Data.Rows[id] = new Row(stored, payload);
            return stored;
        }
    }

    /// <summary>Has the database reject states, as a constraint would, until <see cref="InMemoryTable.AcceptAll"/>.</summary>
    /// <param name="rejects">Which. It must look at nothing but its argument.</param>
    /// <param name="error">What the database says.</param>
    public void Reject(Func<Entity<TState>, bool> rejects, string error = "The test has such rows rejected.")
    {
        ArgumentNullException.ThrowIfNull(rejects);
        AddRejection((id, payload) => payload is not null && rejects(Read(id, new Row(0, payload))) ? Rejection(id, error) : null);
    }

    private Entity<TState> Read(string id, Row row) => new(id, row.Version, _codec.Decode(id, row.Payload));
}
