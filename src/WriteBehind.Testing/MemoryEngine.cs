using System.Collections.Concurrent;
using WriteBehind.Buffer;
using WriteBehind.Caching;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Redis;

namespace WriteBehind.Testing;

/// <summary>The engine over all its entity types, on servers in memory.</summary>
internal sealed class MemoryEngine : IWriteBehindEngine, IEngineControl, IDeadLetters, IDisposable
{
    private readonly WriteBehindOptions _options;
    private readonly Dictionary<string, MemoryType> _types;
    private readonly IReadOnlyCollection<CacheOptions> _caches;
    private readonly ConcurrentDictionary<Type, object> _rows = new();

    /// <exception cref="ConfigurationException">States of a type would not come back as they were written.</exception>
    public MemoryEngine(
        InMemoryWriteBehind servers,
        WriteBehindOptions options,
        IEnumerable<EntityTypeOptions> types,
        IEnumerable<ICacheRegistration> caches,
        EngineMeter meter)
    {
        (Servers, _options, _caches) = (servers, options, [.. caches.Select(static cache => cache.Options)]);
        _types = types.ToDictionary(
            static type => type.Type,
            type => (MemoryType)Activator.CreateInstance(
                typeof(MemoryType<>).MakeGenericType(type.StateType),
                System.Reflection.BindingFlags.DoNotWrapExceptions | System.Reflection.BindingFlags.Instance
                    | System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.CreateInstance,
                binder: null,
                [type, servers, options, meter],
                culture: null)!,
            StringComparer.Ordinal);
        servers.Attach(this);
    }

    public InMemoryWriteBehind Servers { get; }

    public IReadOnlyCollection<string> Types => _types.Keys;

    public IDeadLetters DeadLetters => this;

    public FlushReport? LastStop { get; private set; }

    public EntityTypeOptions OptionsOf(string type) => Type(type).Options;

    public IEntityStore<TState> Store<TState>()
        where TState : class
        => Type<TState>().Store;

    public IEntityStore<TState> Store<TState>(string type)
        where TState : class
        => Type<TState>(type).Store;

    public MemoryType Type(string type)
        => _types.TryGetValue(type, out var found) ? found : throw new UnknownEntityTypeException(type, _types.Keys);

    public MemoryType<TState> Type<TState>()
        where TState : class
    {
        var types = _types.Values.OfType<MemoryType<TState>>().ToArray();
        return types.Length == 1 ? types[0] : throw new UnknownEntityTypeException(typeof(TState).Name, _types.Keys);
    }

    public MemoryType<TState> Type<TState>(string type)
        where TState : class
        => Type(type) as MemoryType<TState>
            ?? throw new UnknownEntityTypeException($"{type} of {typeof(TState).Name}", _types.Keys);

    /// <summary>The rows of the read-through caches over a state type, or of that of a name; null where there is none.</summary>
    public MemoryRows<TState>? RowsOf<TState>(string? name = null)
        where TState : class
        => _caches.OfType<ReadThroughOptions<TState>>().FirstOrDefault(cache => name is null || cache.Name == name) is { } cache
            ? (MemoryRows<TState>)_rows.GetOrAdd(typeof(TState), _ => new MemoryRows<TState>(Servers, cache))
            : null;

    public Task<EngineStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var shards = _types.Values.Sum(static type => type.Options.Shards);
        var durability = new DurabilityStatus(!Servers.RedisAway, [], null)
        {
            Shards = Servers.RedisAway
                ? new RedisShards(shards, shards, 0, "The test has taken Redis away.")
                : new RedisShards(shards, 0, 0, null),
        };
        return Task.FromResult(new EngineStatus([.. _types.Values.Select(static type => type.Status)], durability, []));
    }

    public Task<FlushReport> FlushAllAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        FlushReport[] reports = [.. _types.Values.Select(static type => type.Flusher.FlushAll())];
        return Task.FromResult(new FlushReport(
            reports.Sum(static report => report.Flushed),
            reports.SelectMany(static report => report.Remaining).ToDictionary(),
            [.. reports.SelectMany(static report => report.Rejected)])
        {
            Uncounted = [.. reports.SelectMany(static report => report.Uncounted)],
            Paused = [.. reports.SelectMany(static report => report.Paused)],
        });
    }

    public async Task FlushAsync(string type, string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var found = Find(type, id);
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        found.Flusher.FlushOrThrow(id);
    }

    public Task<FlushPause> PauseAsync(
        string type, TimeSpan? duration = null, string? by = null, CancellationToken cancellationToken = default)
    {
        var found = Type(type);
        var length = duration ?? FlushPause.DefaultDuration;
        ArgumentOutOfRangeException.ThrowIfLessThan(length, TimeSpan.FromMilliseconds(1), nameof(duration));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, FlushPause.LongestDuration, nameof(duration));
        var pause = new FlushPause(type, Servers.Now, Servers.Now + length, by ?? Environment.MachineName);
        found.SetPause(pause);
        return Task.FromResult(pause);
    }

    public Task<bool> ResumeAsync(string type, CancellationToken cancellationToken = default)
        => AskAsync(Type(type), static found => found.SetPause(null), cancellationToken);

    public Task<EntityInspection> InspectAsync(string type, string id, CancellationToken cancellationToken = default)
        => AskAsync(Find(type, id), found => MemoryInspector.Inspect(found, id), cancellationToken);

    public Task<IReadOnlyList<DirtyEntity>> OldestAsync(string type, int limit = 100, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1_000);
        return AskAsync(Type(type), found => MemoryInspector.Oldest(found, limit), cancellationToken);
    }

    public Task<StoreComparison> CompareAsync(string type, bool mend = false, CancellationToken cancellationToken = default)
        => AskAsync(Type(type), found => MemoryInspector.Compare(found, mend), cancellationToken);

    public Task ConnectAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task<FlushReport> StopAsync(CancellationToken cancellationToken)
        => LastStop = _options.DrainTimeout == TimeSpan.Zero
            ? new FlushReport(0, new Dictionary<string, long>(), []) { Uncounted = [.. Types] }
            : await FlushAllAsync(null, CancellationToken.None).ConfigureAwait(false);

    public Task<long> SweepAsync(SweepPart part, TimeSpan? minAge = null, CancellationToken cancellationToken = default)
        => Task.FromResult(_types.Values.Sum(type => type.Flusher.FlushAll(minAge ?? type.Options.FlushDelay).Flushed));

    public Task<IReadOnlyList<DeadLetter>> ListAsync(string type, int limit = 100, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return AskAsync(Type(type), found => found.ListLetters(limit), cancellationToken);
    }

    public Task<DeadLetterDetail?> ShowAsync(string type, string id, CancellationToken cancellationToken = default)
        => AskAsync(Find(type, id), found => found.ShowLetter(id), cancellationToken);

    public Task<bool> RetryAsync(string type, string id, CancellationToken cancellationToken = default)
        => AskAsync(Find(type, id), found => found.RetryLetter(id), cancellationToken);

    public Task<long> RetryAllAsync(string type, CancellationToken cancellationToken = default)
        => AskAsync(
            Type(type),
            found => found.ListLetters(int.MaxValue).Count(letter => found.RetryLetter(letter.Id)) + 0L,
            cancellationToken);

    public Task<bool> DiscardAsync(string type, string id, CancellationToken cancellationToken = default)
        => AskAsync(Find(type, id), found => found.DiscardLetter(id), cancellationToken);

    /// <summary>Has time flush what is dirty, where it does.</summary>
    public void Schedule()
    {
        foreach (var type in _types.Values)
        {
            type.Flusher.Schedule();
        }
    }

    /// <summary>Forgets what was rejected: the servers were emptied.</summary>
    public void Forget()
    {
        foreach (var type in _types.Values)
        {
            type.Flusher.Forget();
        }
    }

    public void Dispose()
    {
        Servers.Detach(this);
        foreach (var type in _types.Values)
        {
            type.Flusher.Dispose();
        }
    }

    private MemoryType Find(string type, string id)
    {
        var found = Type(type);
        found.CheckId(id);
        return found;
    }

    private static async Task<T> AskAsync<T>(MemoryType type, Func<MemoryType, T> ask, CancellationToken cancellationToken)
    {
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        return ask(type);
    }
}

/// <summary>Shows what is known of the entities of a type.</summary>
internal static class MemoryInspector
{
    public static EntityInspection Inspect(MemoryType type, string id)
    {
        lock (type.Servers.Gate)
        {
            type.CheckRedis();
            var (data, now) = (type.Data, type.Servers.Now);
            var (entity, fence) = data.LookAt(id);
            var away = type.Servers.DatabaseAway ? type.DatabaseAway(id, "can't be loaded").Message : null;
            return new EntityInspection(type.Options.Type, id, now)
            {
                Buffered = entity is null ? null : StateOf(entity.Version, entity.Payload, entity.ExpiresAt - now),
                DirtySince = data.Dirty.TryGetValue(id, out var mark) ? mark.Since : null,
                Fence = fence?.Version,
                FenceExpiresIn = fence?.Until - now,
                Memos = data.Operations.CountOf(id),
                DeadLetter = type.ShowLetter(id),
                Row = away is null && data.Rows.TryGetValue(id, out var row) ? StateOf(row.Version, row.Payload, null) : null,
                RowError = away,
                Pause = data.PauseAt(now),
            };
        }
    }

    public static IReadOnlyList<DirtyEntity> Oldest(MemoryType type, int limit)
    {
        lock (type.Servers.Gate)
        {
            type.CheckRedis();
            return
            [
                .. type.Data.Dirty.OrderBy(static mark => mark.Value.Order).Take(limit).Select(mark => new DirtyEntity(
                    type.Options.Type, mark.Key, mark.Value.Since, type.Servers.Now - mark.Value.Since, ClaimedUntil: null)),
            ];
        }
    }

    public static StoreComparison Compare(MemoryType type, bool mend)
    {
        lock (type.Servers.Gate)
        {
            type.CheckRedis();
            var (data, ids) = (type.Data, type.Data.KnownIds());
            if (type.Servers.DatabaseAway && ids.Count > 0)
            {
                throw type.DatabaseAway(ids[0], "can't be compared");
            }

            StoreDifference[] differences = [.. ids.Select(id => Judge(data, id)).OfType<StoreDifference>()];
            var mended = mend ? differences.Count(static difference => difference.CanBeMended) : 0;
            foreach (var difference in mend ? differences : [])
            {
                if (difference is { CanBeMended: true, Kind: StoreDifferenceKind.RowBehind })
                {
                    data.MarkDirty(difference.Id);
                }
                else if (difference.CanBeMended)
                {
                    data.Evict(difference.Id);
                }
            }

            type.Flusher.Schedule();
            return new StoreComparison(
                type.Options.Type, ids.Count, data.Dirty.Count, data.Letters.Count, differences.Length, differences, mended);
        }
    }

    /// <summary>What is wrong with an entity, by the rules of the real engine; null where nothing is.</summary>
    private static StoreDifference? Judge(EntityData data, string id)
    {
        long? row = data.Rows.TryGetValue(id, out var found) ? found.Version : null;
        var (entity, fence) = data.LookAt(id);
        var version = entity?.Version ?? fence!.Value.Version;
        var nonce = entity?.Nonce ?? fence!.Value.Nonce;
        var place = row is null ? "PostgreSQL has no row." : FormattableString.Invariant($"PostgreSQL has version {row}.");
        if (data.Letters.ContainsKey(id) || row == version)
        {
            return null;
        }

        if (data.Dirty.ContainsKey(id))
        {
            return row > version
                ? new(id, StoreDifferenceKind.RowAhead, $"Redis has the unflushed version {version}, but {place}", CanBeMended: false)
                : null;
        }

        var isBehind = row is null ? Nonces.IsOfPut(nonce) : row < version && Nonces.IsOfWrite(nonce);
        return isBehind ? new(id, StoreDifferenceKind.RowBehind, $"Version {version} was saved, but {place}", entity is not null)
            : entity is null ? null
            : new(id, StoreDifferenceKind.StaleEntry, $"Redis keeps version {version} as a clean entry, but {place}", CanBeMended: true);
    }

    private static InspectedState StateOf(long version, byte[]? payload, TimeSpan? expiresIn)
        => new(version, payload is null, payload is null ? (ReadOnlyMemory<byte>?)null : PayloadCodec.BodyOf(payload), expiresIn);
}

/// <summary>The way to servers that are not there.</summary>
internal static class Network
{
    /// <summary>
    /// Goes on on another thread, as whatever comes over a network does: callers that rely on what follows being done at once, or on their
    /// own thread, are to notice it here and not in production.
    /// </summary>
    public static async Task TripAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
    }
}
