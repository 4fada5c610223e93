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
    private readonly Dictionary<string, CacheData> _caches = new(StringComparer.Ordinal);
    private readonly Dictionary<string, QueueData> _queues = new(StringComparer.Ordinal);
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
    /// Whether Redis is away: reads, writes and flushes fail with <see cref="BufferUnavailableException"/>, and nothing is written. Caches
    /// load past it, rate limits answer as <see cref="RateLimits.LimitOptions.WhenAway"/> says, queues fail. What it holds is kept.
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

    /// <summary>The windows of all callers of rate limits.</summary>
    internal MemoryWindows Windows { get; } = new();

    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    internal void CheckRedis(string name)
    {
        if (RedisAway)
        {
            throw new BufferUnavailableException(
                $"'{name}' can't be reached: the test has taken Redis away ({nameof(RedisAway)}).", outcomeUnknown: false, name);
        }
    }

    /// <summary>One step at Redis, as far away as it would be.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    internal async Task<T> AskRedisAsync<T>(string name, Func<T> step, CancellationToken cancellationToken)
    {
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        lock (Gate)
        {
            CheckRedis(name);
            return step();
        }
    }

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
    /// The next write, or item of a queue, is sent and its answer is lost: its caller gets a <see cref="BufferUnavailableException"/> whose
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

    /// <summary>
    /// As if all workers of a queue had died and their leases were over: what they hold waits again, as the next to be taken, and what they
    /// acknowledge from now on counts for nothing. They may go on taking.
    /// </summary>
    /// <param name="queue">The name of the queue.</param>
    /// <returns>How many items they held.</returns>
    public int GiveUpWorkers(string queue)
    {
        lock (Gate)
        {
            return QueueOf(queue).GiveUpAll();
        }
    }

    /// <summary>The table of the only entity type that has this state type, or of the read-through caches over it.</summary>
    /// <exception cref="UnknownEntityTypeException">No type, or more than one, has it.</exception>
    /// <exception cref="InvalidOperationException">No engine stands on these servers (yet, or any more).</exception>
    public InMemoryTable<TState> Table<TState>()
        where TState : class
        => Engine().RowsOf<TState>()?.Table ?? Engine().Type<TState>().Table;

    /// <summary>The table of an entity type, or of a read-through cache.</summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name has this state type.</exception>
    /// <exception cref="InvalidOperationException">No engine stands on these servers (yet, or any more).</exception>
    public InMemoryTable<TState> Table<TState>(string type)
        where TState : class
        => Engine().RowsOf<TState>(type)?.Table ?? Engine().Type<TState>(type).Table;

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

            foreach (var cache in _caches.Values)
            {
                cache.Clear();
            }

            foreach (var queue in _queues.Values)
            {
                queue.Clear();
            }

            Windows.Clear();
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

    internal CacheData CacheOf(string name)
    {
        lock (Gate)
        {
            return _caches.TryGetValue(name, out var known) ? known : _caches[name] = new CacheData(this);
        }
    }

    internal QueueData QueueOf(string name)
    {
        lock (Gate)
        {
            return _queues.TryGetValue(name, out var known) ? known : _queues[name] = new QueueData(this);
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
