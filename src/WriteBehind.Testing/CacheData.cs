using WriteBehind.Caching;

namespace WriteBehind.Testing;

/// <summary>
/// What Redis would hold of one cache. Its members do what the caches' scripts do, each in one step, with the same rules and stamps
/// (<see cref="CacheLua"/> says them): whoever calls them holds <see cref="InMemoryWriteBehind.Gate"/>. Times are ticks since 1970.
/// </summary>
internal sealed class CacheData
{
    private readonly InMemoryWriteBehind _servers;
    private readonly Dictionary<(int Schema, string Key), MemoryEntry> _entries = [];
    private readonly Dictionary<(int Schema, string Key), (string Token, long Stamp, long Until)> _locks = [];
    private readonly Dictionary<string, long> _tags = new(StringComparer.Ordinal);
    private readonly List<MemoryFeed> _nodes = [];
    private long _floor;

    public CacheData(InMemoryWriteBehind servers)
    {
        _servers = servers;
        _floor = servers.Tick();
    }

    private long Now => (_servers.Now - DateTimeOffset.UnixEpoch).Ticks;

    public void Join(MemoryFeed node) => _nodes.Add(node);

    public void Leave(MemoryFeed node) => _nodes.Remove(node);

    /// <summary>What the read script does.</summary>
    public StoredEntry?[] Read(IEnumerable<EntryRequest> requests, CacheOptions options, string token)
    {
        var issued = 0L;
        List<StoredEntry?> entries = [];
        foreach (var request in requests)
        {
            var entry = Find((options.SchemaVersion, request.Key));
            var status = StatusOf(entry, options);
            var failed = entry?.PausedUntil > Now;
            status = status == EntryStatus.Stale && failed ? EntryStatus.Paused : status;
            var isWanted = status is EntryStatus.Miss or EntryStatus.Stale
                || (request.Mode == ReadMode.Refresh && status == EntryStatus.Hit && entry!.LoadStamp <= request.Known && !failed);
            var isLocked = isWanted && request.Mode != ReadMode.Look
                && TryLock((options.SchemaVersion, request.Key), entry, token, issued = Issue(issued), options.LockLease);
            issued = status is EntryStatus.Hit or EntryStatus.Paused ? issued : Issue(issued);
            entries.Add(status is EntryStatus.Hit or EntryStatus.Stale or EntryStatus.Paused
                ? new StoredEntry(
                    status,
                    isLocked,
                    entry!.Payload is { } payload ? payload : (ReadOnlyMemory<byte>?)null,
                    entry.Version,
                    status == EntryStatus.Hit ? TimeSpan.FromTicks(entry.Expiry - Now) : TimeSpan.Zero,
                    entry.LoadTime,
                    entry.Tags,
                    0,
                    entry.LoadStamp)
                : StoredEntry.Unknown with { Status = status, Locked = isLocked });
        }

        return [.. entries.Select(entry => entry!.Value with { Stamp = issued })];
    }

    /// <summary>What the fill script does; whether it was stored.</summary>
    public bool Fill(EntryFill fill, CacheOptions options, string token)
    {
        var key = (options.SchemaVersion, fill.Key);
        Unlock(key, token, fill.Stamp);
        var entry = Find(key);
        var (now, fenced) = (Now, options.FenceTime.Ticks);
        var mayStore = now - fill.Stamp < fenced && Holds(fill.Stamp, fill.Tags) && MarksOf(entry).Count == 0
            && !(entry?.LoadStamp > fill.Stamp) && !(entry?.InvalidatedAt >= fill.Stamp);

        // An older version is refused only while the newer one counts: rows restored from a backup have older ones for good.
        var counts = entry?.Version is not null && Holds(entry.LoadStamp, entry.Tags)
            && (now < entry.Expiry || now - entry.LoadStamp < fenced);
        if (!mayStore || (counts && fill.Version < entry!.Version))
        {
            return false;
        }

        Store(key, fill, fill.Stamp, fill.LoadTime, entry?.InvalidatedAt ?? 0, options);
        return true;
    }

    /// <summary>Makes leases last that are still held.</summary>
    public void Renew(IEnumerable<HeldLock> locks, CacheOptions options, string token)
    {
        foreach (var held in locks)
        {
            var key = (options.SchemaVersion, held.Key);
            if (Owns(key, token, held.Stamp))
            {
                _locks[key] = (token, held.Stamp, Now + options.LockLease.Ticks);
            }
        }
    }

    /// <summary>Frees the locks of loads that failed.</summary>
    public void Release(IEnumerable<HeldLock> locks, TimeSpan pause, CacheOptions options, string token)
    {
        foreach (var held in locks)
        {
            var key = (options.SchemaVersion, held.Key);
            if (Unlock(key, token, held.Stamp) && pause > TimeSpan.Zero && Find(key) is { LoadStamp: > 0 } entry)
            {
                entry.PausedUntil = Now + pause.Ticks;
            }
        }
    }

    public void Invalidate(IEnumerable<string> keys, CacheOptions options)
    {
        var stamp = _servers.Tick();
        string[] names = [.. keys];
        foreach (var name in names)
        {
            foreach (var key in Variants(name, options))
            {
                Empty(key, stamp, MarksOf(Find(key)), options.FenceTime);
            }
        }

        Tell(local => Array.ForEach(names, local.Drop));
    }

    public void InvalidateTags(IReadOnlyCollection<string> tags)
    {
        var stamp = _servers.Tick();
        foreach (var tag in tags)
        {
            _tags[tag] = stamp;
        }

        Tell(local => local.DropTagged(tags));
    }

    public void InvalidateAll()
    {
        _floor = _servers.Tick();
        Tell(static local => local.Clear());
    }

    /// <summary>Marks an entry as in doubt; returns the mark's stamp.</summary>
    public long Mark(string name, string token, TimeSpan life, CacheOptions options)
    {
        var stamp = _servers.Tick();
        foreach (var key in Variants(name, options))
        {
            var entry = Find(key);
            var marked = Empty(
                key, stamp, [.. MarksOf(entry), (token, Now + life.Ticks)], life > options.FenceTime ? life : options.FenceTime);
            marked.LoadTime = entry?.LoadTime ?? TimeSpan.Zero;
        }

        Tell(local => local.Drop(name));
        return stamp;
    }

    /// <summary>Takes a mark away, and stores the content where its write was alone.</summary>
    public void Complete(string name, string token, long marked, EntryFill? fill, CacheOptions options)
    {
        var stamp = _servers.Tick();
        foreach (var key in Variants(name, options))
        {
            var entry = Find(key);
            var marks = MarksOf(entry);
            var others = marks.FindAll(mark => mark.Token != token);
            var isAlone = entry?.InvalidatedAt == marked && others.Count == 0 && marks.Count > 0
                && Holds(marked, fill?.Tags ?? []);
            var loadTime = entry?.LoadTime ?? TimeSpan.Zero;
            var left = Empty(key, stamp, others, options.FenceTime);
            left.LoadTime = others.Count > 0 ? loadTime : TimeSpan.Zero;
            if (key.Schema == options.SchemaVersion && isAlone && fill is not null)
            {
                Store(key, fill, stamp, loadTime, invalidatedAt: stamp, options);
            }
        }

        Tell(local => local.Drop(name));
    }

    /// <summary>Empties it; what is loaded just now is refused, as the stamp of the floor is later.</summary>
    public void Clear()
    {
        _entries.Clear();
        _locks.Clear();
        _tags.Clear();
        InvalidateAll();
    }

    private void Tell(Action<LocalLevel> apply) => _nodes.ForEach(node => node.Hear(apply));

    private EntryStatus StatusOf(MemoryEntry? entry, CacheOptions options)
    {
        var now = Now;
        if (MarksOf(entry).Count > 0)
        {
            return EntryStatus.Doubt;
        }

        if (entry is null || !Holds(entry.LoadStamp, entry.Tags) || now >= entry.Expiry + options.MaxStale.Ticks)
        {
            return EntryStatus.Miss;
        }

        if (now >= entry.Expiry)
        {
            return EntryStatus.Stale;
        }

        if (options.SlidingTtl is { } sliding)
        {
            var putOff = Math.Min(entry.LatestExpiry, now + sliding.Ticks);
            if (putOff - entry.Expiry > sliding.Ticks / 10)
            {
                entry.Expiry = putOff;
                entry.Keep(putOff - now + options.MaxStale.Ticks, now);
            }
        }

        return EntryStatus.Hit;
    }

    private void Store(
        (int Schema, string Key) key, EntryFill fill, long stamp, TimeSpan loadTime, long invalidatedAt, CacheOptions options)
    {
        var now = Now;
        var latest = now + fill.Ttl.Ticks;
        var entry = _entries[key] = new MemoryEntry
        {
            LoadStamp = stamp,
            InvalidatedAt = invalidatedAt,
            Expiry = options.SlidingTtl is { } sliding && sliding < fill.Ttl ? now + sliding.Ticks : latest,
            LatestExpiry = latest,
            Version = fill.Version,
            LoadTime = loadTime,
            Tags = [.. fill.Tags],
            Payload = fill.Payload,
        };
        entry.Keep(Math.Max((fill.Ttl + options.MaxStale).Ticks, options.FenceTime.Ticks), now);
    }

    private MemoryEntry Empty((int Schema, string Key) key, long stamp, List<(string Token, long Until)> marks, TimeSpan life)
    {
        var entry = new MemoryEntry { InvalidatedAt = stamp, Marks = marks };
        entry.Keep(life.Ticks, Now);
        return _entries[key] = entry;
    }

    private long Issue(long issued) => issued > 0 ? issued : _servers.Tick();

    private bool TryLock((int Schema, string Key) key, MemoryEntry? entry, string token, long stamp, TimeSpan lease)
    {
        // A lock whose fill would be refused, because something that concerns it has happened since, holds nobody up.
        if (_locks.TryGetValue(key, out var held) && held.Until > Now && Holds(held.Stamp, entry?.Tags ?? [])
            && !(entry?.InvalidatedAt >= held.Stamp) && !(entry?.LoadStamp > held.Stamp))
        {
            return false;
        }

        _locks[key] = (token, stamp, Now + lease.Ticks);
        return true;
    }

    private bool Owns((int Schema, string Key) key, string token, long stamp)
        => _locks.TryGetValue(key, out var held) && held.Until > Now && held.Token == token && held.Stamp == stamp;

    private bool Unlock((int Schema, string Key) key, string token, long stamp) => Owns(key, token, stamp) && _locks.Remove(key);

    private MemoryEntry? Find((int Schema, string Key) key)
    {
        if (_entries.TryGetValue(key, out var entry) && entry.GoneAt <= Now)
        {
            _entries.Remove(key);
            return null;
        }

        return entry;
    }

    private List<(string Token, long Until)> MarksOf(MemoryEntry? entry) => entry?.Marks.FindAll(mark => mark.Until > Now) ?? [];

    private bool Holds(long stamp, IReadOnlyCollection<string> tags)
        => stamp > _floor && !tags.Any(tag => _tags.TryGetValue(tag, out var at) && at >= stamp);

    private static IEnumerable<(int Schema, string Key)> Variants(string key, CacheOptions options)
        => CacheKeys.SchemasOf(options.SchemaVersion).Select(schema => (schema, key));
}

/// <summary>What is known of an entry.</summary>
internal sealed class MemoryEntry
{
    /// <summary>The stamp of the load that made it; 0 where it has no content.</summary>
    public long LoadStamp { get; init; }

    public long Expiry { get; set; }

    /// <summary>The latest time that its expiry can be put off to.</summary>
    public long LatestExpiry { get; init; }

    public long? Version { get; init; }

    public TimeSpan LoadTime { get; set; }

    public string[] Tags { get; init; } = [];

    public byte[]? Payload { get; init; }

    /// <summary>Until when a load that failed is not tried again.</summary>
    public long PausedUntil { get; set; }

    /// <summary>The stamp of the key's last invalidation.</summary>
    public long InvalidatedAt { get; init; }

    /// <summary>The writes that are under way.</summary>
    public List<(string Token, long Until)> Marks { get; init; } = [];

    public long GoneAt { get; private set; }

    public void Keep(long life, long now) => GoneAt = Math.Max(GoneAt, now + life);
}
