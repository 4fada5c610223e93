using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Redis;
using WriteBehind.Writing;

namespace WriteBehind.Testing;

/// <summary>
/// One entity type of one engine: the steps of writes, loads, flushes and dead letters, each in one piece. What they leave is in
/// <see cref="EntityData"/>, which engines share.
/// </summary>
internal abstract class MemoryType
{
    /// <summary>As PostgreSQL says that it shuts down.</summary>
    private const string AwayCode = "57P01";

    private const string Away = $"the test has taken Redis away ({nameof(InMemoryWriteBehind.RedisAway)}).";

    protected MemoryType(EntityTypeOptions options, InMemoryWriteBehind servers, WriteBehindOptions engine, EngineMeter meter)
    {
        (Options, Servers, Engine, Data) = (options, servers, engine, servers.DataOf(options.Type));
        Metrics = new TypeMetrics(meter, options.Type, servers.Time);
        Flusher = new MemoryFlusher(this);
    }

    public EntityTypeOptions Options { get; }

    public InMemoryWriteBehind Servers { get; }

    public WriteBehindOptions Engine { get; }

    public EntityData Data { get; }

    public TypeMetrics Metrics { get; }

    public MemoryFlusher Flusher { get; }

    /// <summary>The <see cref="IEntityStore{TState}"/>.</summary>
    public abstract object AnyStore { get; }

    public abstract InMemoryTable AnyTable { get; }

    public TypeStatus Status
    {
        get
        {
            lock (Servers.Gate)
            {
                return new TypeStatus(
                    Options.Type,
                    Data.Dirty.Count,
                    Data.Dirty.Count == 0 ? null : Servers.Now - Data.Dirty.Values.Min(static mark => mark.Since),
                    Options.MaxAge,
                    Options.MaxDirty,
                    Data.Letters.Count,
                    Flusher.Failure is null ? BreakerState.Closed : BreakerState.Open,
                    Flusher.Failure,
                    Metrics.Counters,
                    Metrics.Rates)
                {
                    BacklogAt = Servers.Now,
                    Pause = Data.PauseAt(Servers.Now),
                };
            }
        }
    }

    /// <exception cref="InvalidEntityIdException">The text can name no entity.</exception>
    public void CheckId(string id) => Names.CheckId(Options.Type, id);

    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public void CheckRedis()
    {
        if (Servers.RedisAway)
        {
            throw new BufferUnavailableException(
                $"{Options.Type} can't be asked for: {Away}", outcomeUnknown: false, Options.Type);
        }
    }

    /// <summary>Loads all but the state.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="needsPresence">Whether it matters that the entity exists, and not only its version.</param>
    /// <param name="expected">A version that the caller was told; the fence is not asked for another one.</param>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    /// <exception cref="SinkException">The database is needed, and away.</exception>
    /// <exception cref="StaleRowException">The row is older than what was settled, and its presence matters.</exception>
    public LoadedVersion LoadVersion(string id, bool needsPresence, long? expected = null)
    {
        lock (Servers.Gate)
        {
            var buffered = ReadBuffer(id);
            var known = buffered.Known;
            if (buffered.IsBuffered)
            {
                return new(known, Exists: buffered.Payload is not null, FromDatabase: false);
            }

            if (known.Version > 0 && !needsPresence && (expected ?? known.Version) == known.Version)
            {
                return new(known, Exists: true, FromDatabase: false);
            }

            var row = ReadRow(id);
            return needsPresence && buffered.IsAheadOf(row?.Version)
                ? throw Stale(id, known.Version, row?.Version)
                : new(known.OnTopOf(row?.Version), Exists: row is not null, FromDatabase: true);
        }
    }

    /// <summary>Writes a payload, or with null a tombstone, on top of what is known.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away, or its answer was lost.</exception>
    public WriteReply Write(string id, Knowledge known, byte[]? payload, int changes = 1, PendingMemo[]? memos = null)
    {
        lock (Servers.Gate)
        {
            if (Servers.RedisAway)
            {
                throw RedisAway(id, "was not written");
            }

            var lost = Servers.TakeLostWrite();
            var nonce = Nonces.New(isPut: payload is not null, Servers.Epoch);
            var reply = lost == false
                ? default
                : Data.Write(new WriteRequest(id, known, payload, nonce, changes, Memos: memos), Options);
            if (lost is null && reply.Status != WriteStatus.Ok)
            {
                return reply;
            }

            Flusher.Written(id);
            return lost is null ? reply : throw new BufferUnavailableException(
                $"Whether {Options.Type} '{id}' was written is unknown: the test has lost the answer ({nameof(Servers.LoseNextAnswer)}). " +
                "Load it to find out.",
                outcomeUnknown: true,
                Options.Type,
                id);
        }
    }

    /// <summary>What is known of operations, in their order.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public MemoReply[] FindOperations(string id, IReadOnlyList<OperationKey> operations)
    {
        lock (Servers.Gate)
        {
            return Servers.RedisAway
                ? throw RedisAway(id, "can't be read")
                : [.. operations.Select(key => Data.Operations.Find(id, key, Servers.Now, Options))];
        }
    }

    public bool Evict(string id)
    {
        lock (Servers.Gate)
        {
            return Servers.RedisAway ? throw RedisAway(id, "can't be evicted") : Data.Evict(id);
        }
    }

    /// <summary>Throws where a save would be refused as things are.</summary>
    public void ThrowIfRefusing(string id)
    {
        lock (Servers.Gate)
        {
            if (Servers.RedisAway)
            {
                throw RedisAway(id, "was not written");
            }

            if (Data.IsFull(id, Options))
            {
                Metrics.Refused(1);
                throw new BufferFullException(Options.Type, id, Options.MaxDirty);
            }
        }
    }

    public IReadOnlyList<DeadLetter> ListLetters(int limit)
    {
        lock (Servers.Gate)
        {
            CheckRedis();
            return [.. Data.Letters.Take(limit).Select(letter => letter.Value.ToPublic(Options.Type, letter.Key))];
        }
    }

    public DeadLetterDetail? ShowLetter(string id)
    {
        lock (Servers.Gate)
        {
            CheckRedis();
            if (!Data.Letters.TryGetValue(id, out var letter))
            {
                return null;
            }

            var payload = letter.HoldsState ? letter.Payload : Data.StateOf(id, letter)?.Payload;
            var isDelete = letter.HoldsState ? letter.IsDelete : Data.StateOf(id, letter) is { Payload: null };
            return new(
                letter.ToPublic(Options.Type, id), isDelete, payload is null ? (ReadOnlyMemory<byte>?)null : PayloadCodec.BodyOf(payload));
        }
    }

    public bool RetryLetter(string id)
    {
        lock (Servers.Gate)
        {
            CheckRedis();
            if (!Data.Letters.TryGetValue(id, out var letter))
            {
                return false;
            }

            Flusher.Forgive(id);
            if (!letter.HoldsState)
            {
                var revived = Data.Revive(id, letter);
                Flusher.Schedule();
                return revived;
            }

            var known = LoadVersion(id, needsPresence: true).Known;
            var reply = Write(id, known, letter.Payload);
            return reply.Status switch
            {
                WriteStatus.Ok => true,
                WriteStatus.Full => throw new BufferFullException(Options.Type, id, Options.MaxDirty),
                _ => throw new WriteConflictException(Options.Type, id, known.Version, reply.Known.Version),
            };
        }
    }

    /// <summary>Pauses the flush, or with null ends the pause; whether there was one.</summary>
    public bool SetPause(FlushPause? pause)
    {
        lock (Servers.Gate)
        {
            CheckRedis();
            var was = Data.PauseAt(Servers.Now) is not null;
            Data.Pause = pause;
            return was;
        }
    }

    public bool DiscardLetter(string id)
    {
        lock (Servers.Gate)
        {
            CheckRedis();
            if (!Data.Letters.TryGetValue(id, out var letter))
            {
                return false;
            }

            Data.Discard(id, letter, Options);
            return true;
        }
    }

    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    protected BufferedEntity ReadBuffer(string id) => Servers.RedisAway ? throw RedisAway(id, "can't be read") : Data.Read(id);

    /// <exception cref="SinkException">The database is away.</exception>
    protected Row? ReadRow(string id)
    {
        if (Servers.DatabaseAway)
        {
            throw DatabaseAway(id, "can't be loaded");
        }

        return Data.Rows.TryGetValue(id, out var row) ? row : null;
    }

    protected StaleRowException Stale(string id, long settled, long? stored)
    {
        Metrics.StaleRow();
        return new StaleRowException(Options.Type, id, settled, stored);
    }

    /// <summary>Reads a payload, which throws where it can't be read.</summary>
    /// <exception cref="PayloadException">It can't be read.</exception>
    public abstract void Decode(string id, byte[] payload);

    public BufferUnavailableException RedisAway(string id, string what)
        => new($"{Options.Type} '{id}' {what}: {Away}", outcomeUnknown: false, Options.Type, id);

    public SinkException DatabaseAway(string id, string what) => DatabaseAway(Options.Type, id, $"{Options.Type} '{id}' {what}");

    public static SinkException DatabaseAway(string type, string? id, string what) => new(
        SinkFailure.Transient,
        $"{what}: the test has taken the database away ({nameof(InMemoryWriteBehind.DatabaseAway)}).",
        AwayCode,
        type,
        id);

}

/// <summary>One entity type of one engine, with its state type.</summary>
internal sealed class MemoryType<TState> : MemoryType
    where TState : class
{
    public MemoryType(
        EntityTypeOptions<TState> options, InMemoryWriteBehind servers, WriteBehindOptions engine, EngineMeter meter)
        : base(options, servers, engine, meter)
    {
        // Only of these does the codec ask for nothing but what PostgreSQL's texts have no place for.
        var isText = options.Serializer is JsonStateSerializer<TState> or IProvenSerializer;
        Codec = new PayloadCodec<TState>(
            options, isText ? static _ => "A text holds the character U+0000, which PostgreSQL can't store." : null);
        Codec.CheckContract();
        Store = new MemoryStore<TState>(this, options.WriteStrategy);
        Table = new InMemoryTable<TState>(servers, Data, options.Type, Codec);
    }

    public PayloadCodec<TState> Codec { get; }

    public MemoryStore<TState> Store { get; }

    public InMemoryTable<TState> Table { get; }

    public override object AnyStore => Store;

    public override InMemoryTable AnyTable => Table;

    /// <summary>Loads the latest acknowledged state: from the buffer, else from the table.</summary>
    /// <exception cref="PayloadException">It can't be read.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    /// <exception cref="SinkException">The database is needed, and away.</exception>
    /// <exception cref="StaleRowException">The row is older than what was settled.</exception>
    public LoadedEntity<TState> Load(string id)
    {
        lock (Servers.Gate)
        {
            var buffered = ReadBuffer(id);
            if (buffered.IsBuffered)
            {
                return new(
                    buffered.Known,
                    buffered.Payload is { } payload ? Codec.Decode(id, payload) : null,
                    FromDatabase: false,
                    buffered.IsClean);
            }

            var row = ReadRow(id);
            return buffered.IsAheadOf(row?.Version)
                ? throw Stale(id, buffered.Known.Version, row?.Version)
                : new(
                    buffered.Known.OnTopOf(row?.Version),
                    row is { } found ? Codec.Decode(id, found.Payload) : null,
                    FromDatabase: true,
                    IsClean: true);
        }
    }

    /// <summary>Puts a state that was loaded into the buffer, as a clean entry.</summary>
    public void Fill(string id, LoadedEntity<TState> loaded)
    {
        var payload = Codec.Encode(id, loaded.State!);
        lock (Servers.Gate)
        {
            Data.Fill(id, loaded.Known.Version, payload, Options);
        }
    }

    public override void Decode(string id, byte[] payload) => Codec.Decode(id, payload);
}
