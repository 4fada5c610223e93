using System.Globalization;
using WriteBehind.Buffer;

namespace WriteBehind.Testing;

/// <summary>
/// What Redis and PostgreSQL would hold of one entity type. Its members do what the engine's scripts and statements do, each in one step:
/// whoever calls them holds <see cref="InMemoryWriteBehind.Gate"/>, and has looked whether the server is there.
/// </summary>
internal sealed class EntityData(InMemoryWriteBehind servers)
{
    private readonly Dictionary<string, Buffered> _entities = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Fence> _fences = new(StringComparer.Ordinal);

    /// <summary>The dirty marks.</summary>
    public Dictionary<string, DirtyMark> Dirty { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, StoredLetter> Letters { get; } = new(StringComparer.Ordinal);

    /// <summary>The table.</summary>
    public SortedDictionary<string, Row> Rows { get; } = new(StringComparer.Ordinal);

    /// <summary>What the database rejects, and why.</summary>
    public List<Func<string, byte[]?, SinkException?>> Rejections { get; } = [];

    /// <summary>The flush timers that are armed, of whichever engine.</summary>
    public HashSet<MemoryTimer> Timers { get; } = [];

    public OperationBook Operations { get; } = new();

    public FlushPause? Pause { get; set; }

    /// <summary>The pause of the type's flush; null where there is none, or it is over.</summary>
    public FlushPause? PauseAt(DateTimeOffset now) => Pause is { } pause && pause.Until > now ? pause : null;

    /// <summary>What the read script tells.</summary>
    public BufferedEntity Read(string id)
    {
        var now = servers.Tick();
        if (Find(id) is { } entity)
        {
            return new(
                new Knowledge(entity.Version, now, servers.Epoch, IsSaved: entity.IsClean),
                IsBuffered: true,
                entity.Payload,
                IsClean: entity.IsClean,
                Nonce: entity.Nonce);
        }

        var fence = FenceOf(id) ?? default;
        var nonce = fence.Nonce ?? string.Empty;
        var known = new Knowledge(
            fence.Version, now, servers.Epoch, IsSaved: true, IsContested: Nonces.IsOfConflict(nonce));
        return new(known, IsBuffered: false, null, Nonce: nonce);
    }

    /// <summary>What the write script does.</summary>
    /// <exception cref="OverflowException">There is no version after the one that it goes on top of.</exception>
    public WriteReply Write(WriteRequest request, EntityTypeOptions options)
    {
        var (id, known, now) = (request.Id, request.Known, servers.Tick());
        var stored = checked(known.Version + request.Changes);
        var entity = Find(id);
        var fence = entity is null ? FenceOf(id) : null;

        // A fence below what the writer knows tells nothing about it.
        var current = entity?.Version ?? (fence?.Version >= known.Version ? fence?.Version : null);
        var isKnown = known.Epoch == servers.Epoch && known.KnownAt > now - FencesOf(options).Knowledge.Ticks && known.KnownAt <= now;
        if (!isKnown)
        {
            return new(WriteStatus.Unconfirmed, known);
        }

        // Where what the writer knows was saved, what is unsaved has come since: another write, though it has the row's version. And after
        // a conflict the row may have the version that the writer takes for its own.
        if ((current is not null && current != known.Version)
            || (known.IsSaved && entity is not null && Dirty.ContainsKey(id))
            || (current is not null && fence?.ConflictAt >= known.KnownAt))
        {
            return new(WriteStatus.Conflict, known with { Version = current ?? known.Version });
        }

        if (request.Memos?.Any(memo => !Operations.Find(id, memo.Key, servers.Now, options).IsNew) == true)
        {
            return new(WriteStatus.Known, known);
        }

        if (IsFull(id, options))
        {
            return new(WriteStatus.Full, known);
        }

        if (Dirty.TryAdd(id, new DirtyMark(servers.Now, now)))
        {
            Letters.Remove(id);
        }

        _entities[id] = new Buffered(stored, request.Payload, request.Nonce);
        foreach (var memo in request.Memos ?? [])
        {
            Operations.Add(id, memo, servers.Now, options);
        }

        return new(WriteStatus.Ok, new Knowledge(stored, now, servers.Epoch));
    }

    /// <summary>Whether a write of the entity meets the bound.</summary>
    public bool IsFull(string id, EntityTypeOptions options)
        => !Dirty.ContainsKey(id) && !Letters.ContainsKey(id) && Dirty.Count + Letters.Count >= options.MaxDirty;

    /// <summary>Puts what was loaded into the buffer as a clean entry, unless something newer is known.</summary>
    public void Fill(string id, long version, byte[] payload, EntityTypeOptions options)
    {
        if (!Dirty.ContainsKey(id) && Find(id) is null && !(FenceOf(id)?.Version > version))
        {
            _entities[id] = new Buffered(version, payload, string.Empty) { ExpiresAt = servers.Now + options.CacheTtl };
        }
    }

    /// <summary>Takes a clean entry out; false where there is none.</summary>
    public bool Evict(string id) => Find(id) is { IsClean: true } && _entities.Remove(id);

    /// <summary>Looks what is to be saved of an entity; false where it is not dirty.</summary>
    public bool TryClaim(ClaimItem item)
    {
        if (!Dirty.ContainsKey(item.Id) || Find(item.Id) is not { } entity)
        {
            return false;
        }

        item.Claimed(new ShardClaim(item.Shard, 0, 0, servers.Epoch), entity.Version, entity.Payload, entity.Nonce);
        return true;
    }

    /// <summary>Writes or deletes a row where its version is smaller.</summary>
    public SaveResult Save(string id, long version, byte[]? payload)
    {
        if (!Rows.TryGetValue(id, out var row))
        {
            row = new Row(long.MinValue, []);
        }

        if (row.Version < version)
        {
            if (payload is not null)
            {
                Rows[id] = new Row(version, payload);
                return new(SaveOutcome.Applied, version);
            }

            return Rows.Remove(id) ? new(SaveOutcome.Applied, version) : new(SaveOutcome.AlreadyThere);
        }

        return row.Version == version && payload is not null && row.Payload.AsSpan().SequenceEqual(payload)
            ? new(SaveOutcome.AlreadyThere, row.Version)
            : new(SaveOutcome.Fenced, row.Version);
    }

    /// <summary>Why the database does not take an entity; null where it does.</summary>
    public SinkException? RejectionOf(string id, byte[]? payload)
        => Rejections.Select(rejects => rejects(id, payload)).FirstOrDefault(static rejected => rejected is not null);

    /// <summary>Makes an entity clean that was saved.</summary>
    public void Settle(ClaimItem item, EntityTypeOptions options)
    {
        if (item.Payload is null || options.AfterFlush == AfterFlush.Delete)
        {
            _entities.Remove(item.Id);
        }
        else
        {
            _entities[item.Id].ExpiresAt = servers.Now + options.CacheTtl;
        }

        Dirty.Remove(item.Id);
        var fences = FencesOf(options);
        _fences[item.Id] = new Fence(
            item.Version, item.Nonce, servers.Now + (item.Payload is null ? fences.Tombstone : fences.Longest));
    }

    /// <summary>
    /// Sets an entity aside. The state of a fenced one is in the letter alone: the newer row counts, and the fence tells owners to load it.
    /// </summary>
    public void SetAside(string id, StoredLetter letter, EntityTypeOptions options)
    {
        Letters[id] = letter;
        Dirty.Remove(id);
        if (letter.Reason == DeadLetterReason.Fenced)
        {
            _entities.Remove(id);
            var at = servers.Tick();
            var name = string.Create(CultureInfo.InvariantCulture, $"!{at}");
            _fences[id] = new Fence(letter.StoredVersion, name, servers.Now + FencesOf(options).Longest, ConflictAt: at);
        }
    }

    /// <summary>What a dead letter is about, where the entity has not moved on; null where it has.</summary>
    public Buffered? StateOf(string id, StoredLetter letter)
        => Find(id) is { } entity && entity.Nonce == letter.Nonce ? entity : null;

    /// <summary>Makes a dead entity dirty again; false where it has moved on.</summary>
    public bool Revive(string id, StoredLetter letter)
    {
        if (StateOf(id, letter) is null)
        {
            return false;
        }

        Letters.Remove(id);
        Dirty.TryAdd(id, new DirtyMark(servers.Now, servers.Tick()));
        return true;
    }

    /// <summary>Drops a dead letter and its state.</summary>
    public void Discard(string id, StoredLetter letter, EntityTypeOptions options)
    {
        Letters.Remove(id);
        if (StateOf(id, letter) is not null && !Dirty.ContainsKey(id))
        {
            _entities.Remove(id);

            // One past the dropped version, so that an owner which still holds the dropped state is refused and loads.
            _fences[id] = new Fence(letter.Version + 1, string.Empty, servers.Now + FencesOf(options).Tombstone);
        }
    }

    /// <summary>The entities of which the buffer knows anything.</summary>
    public IReadOnlyList<string> KnownIds()
        => [.. _entities.Keys.Union(_fences.Keys)
            .Where(id => Find(id) is not null || FenceOf(id) is not null).Order(StringComparer.Ordinal)];

    /// <summary>What the buffer has of an entity, and its fence.</summary>
    public (Buffered? Entity, Fence? Fence) LookAt(string id) => (Find(id), FenceOf(id));

    /// <summary>Has a kept state flushed again.</summary>
    public void MarkDirty(string id)
    {
        _entities[id].ExpiresAt = null;
        Dirty.TryAdd(id, new DirtyMark(servers.Now, servers.Tick()));
    }

    /// <summary>Empties both servers.</summary>
    public void Clear()
    {
        _entities.Clear();
        _fences.Clear();
        Dirty.Clear();
        Letters.Clear();
        Rows.Clear();
        Rejections.Clear();
        Operations.Clear();
        Pause = null;
    }

    private Buffered? Find(string id)
    {
        if (_entities.TryGetValue(id, out var entity) && entity.ExpiresAt <= servers.Now)
        {
            _entities.Remove(id);
            return null;
        }

        return entity;
    }

    private Fence? FenceOf(string id) => _fences.TryGetValue(id, out var fence) && fence.Until > servers.Now ? fence : null;

    private static FenceTimes FencesOf(EntityTypeOptions options) => new(options.FenceTime, options.TombstoneFenceTime);
}

/// <summary>That an entity is dirty.</summary>
/// <param name="Since">The time of its oldest unflushed write.</param>
/// <param name="Order">Tells which of two came first, also by a clock that stands still.</param>
internal readonly record struct DirtyMark(DateTimeOffset Since, long Order);

/// <summary>A row of the table.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Payload">The state, as the registered serializer writes it.</param>
internal readonly record struct Row(long Version, byte[] Payload);

/// <summary>A state or tombstone in the buffer.</summary>
internal sealed class Buffered(long version, byte[]? payload, string nonce)
{
    public long Version => version;

    /// <summary>Null for a tombstone.</summary>
    public byte[]? Payload => payload;

    public string Nonce => nonce;

    /// <summary>When a clean entry goes; null for one that is not clean.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    public bool IsClean => ExpiresAt is not null;
}

/// <summary>The version that was flushed last, for a while.</summary>
/// <param name="Version">The version.</param>
/// <param name="Nonce">The nonce of its write.</param>
/// <param name="Until">When it goes.</param>
/// <param name="ConflictAt">For that of a conflict: up to when what is known counts for nothing.</param>
internal readonly record struct Fence(long Version, string Nonce, DateTimeOffset Until, long? ConflictAt = null);

/// <summary>What is remembered of the operations of one entity type.</summary>
internal sealed class OperationBook
{
    private readonly Dictionary<(string Id, string Operation), OperationMemo> _memos = [];
    private readonly Dictionary<string, Page> _entities = new(StringComparer.Ordinal);
    private readonly Page _all = new();

    /// <summary>What is known of one.</summary>
    public MemoReply Find(string id, OperationKey key, DateTimeOffset now, EntityTypeOptions options)
    {
        var time = now.ToUnixTimeMilliseconds();
        var why = key.Time > time + OperationKey.Tolerance.TotalMilliseconds ? "ahead"
            : key.Time < time - options.OperationTime.TotalMilliseconds ? "expired"
            : key.Time <= Math.Max(_all.Floor, _entities.GetValueOrDefault(id)?.Floor ?? 0) ? "dropped"
            : null;
        return why != "expired" && _memos.TryGetValue((id, key.Text), out var memo)
            ? new MemoReply(MemoReply.KnownStatus, memo)
            : new MemoReply(why ?? MemoReply.NewStatus, null);
    }

    /// <summary>Remembers one. At a bound the older half goes, and leaves a floor behind.</summary>
    public void Add(string id, PendingMemo memo, DateTimeOffset now, EntityTypeOptions options)
    {
        // What has expired is refused whether it is here or not.
        var oldest = (now - options.OperationTime).ToUnixTimeMilliseconds();
        while (_all.Order.TryPeek(out var first) && first.Key.Time < oldest)
        {
            _memos.Remove((first.Id, first.Key.Text));
            _all.Order.Dequeue();
        }

        var page = _entities.TryGetValue(id, out var found) ? found : _entities[id] = new Page();
        page.Add(id, memo.Key, Math.Max(2, options.MaxOperationsPerEntity), _memos);
        _all.Add(id, memo.Key, options.MaxOperations, _memos);
        _memos[(id, memo.Key.Text)] = memo.Memo with { Result = memo.Memo.Result?.ToArray() };
    }

    /// <summary>How many of an entity are remembered.</summary>
    public long CountOf(string id) => _memos.Keys.Count(memo => memo.Id == id);

    public void Clear()
    {
        _memos.Clear();
        _entities.Clear();
        _all.Order.Clear();
        _all.Floor = 0;
    }

    /// <summary>Operations in the order in which they came, up to a bound.</summary>
    private sealed class Page
    {
        public Queue<(string Id, OperationKey Key)> Order { get; } = new();

        /// <summary>The latest time of those that were dropped.</summary>
        public long Floor { get; set; }

        public void Add(string id, OperationKey key, long most, Dictionary<(string Id, string Operation), OperationMemo> memos)
        {
            for (var left = Order.Count < most ? 0 : Order.Count - (most / 2); left > 0; left--)
            {
                var (dropped, old) = Order.Dequeue();
                memos.Remove((dropped, old.Text));
                Floor = Math.Max(Floor, old.Time);
            }

            Order.Enqueue((id, key));
        }
    }
}
