using System.Collections.Concurrent;

namespace WriteBehind.Caching;

/// <summary>
/// The first level: the entries that this process keeps in its memory, a bounded number, evicted in the order they came unless they were
/// read since (second chance). Reads take no lock.
/// </summary>
/// <remarks>
/// What is read from Redis may be invalidated before it is put here. Each key therefore has a version (of its stripe) that every
/// invalidation counts up: who puts something shows the version from before the read, and is ignored where it has changed.
/// </remarks>
internal sealed class LocalLevel(int capacity, TimeProvider time, Action evicted)
{
    private const int Stripes = 1024;

    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<string, LocalEntry> _entries = new(StringComparer.Ordinal);
    private readonly Queue<LocalEntry> _order = new();
    private readonly long[] _versions = new long[Stripes];
    private long _all;
    private int _count;

    /// <summary>What a reader notes before it asks Redis.</summary>
    public long VersionOf(string key) => Volatile.Read(ref _versions[StripeOf(key)]) + Volatile.Read(ref _all);

    public LocalEntry? Find(string key)
    {
        if (!_entries.TryGetValue(key, out var entry) || time.GetTimestamp() >= entry.Until)
        {
            return null;
        }

        entry.IsUsed = true;
        return entry;
    }

    public void Put(LocalEntry entry, long version)
    {
        if (capacity == 0)
        {
            return;
        }

        lock (_lock)
        {
            // Under the lock that invalidations take: one that comes now removes it again.
            if (VersionOf(entry.Key) != version)
            {
                return;
            }

            _count += _entries.ContainsKey(entry.Key) ? 0 : 1;
            _entries[entry.Key] = entry;
            _order.Enqueue(entry);
            MakeRoom();
        }
    }

    /// <summary>Forgets a key, and whatever of it is being read.</summary>
    public void Drop(string key)
    {
        lock (_lock)
        {
            _versions[StripeOf(key)]++;
            Remove(key);
        }
    }

    /// <summary>Forgets what has one of these tags.</summary>
    public void DropTagged(IReadOnlyCollection<string> tags)
    {
        lock (_lock)
        {
            _all++;
            foreach (var entry in _entries.Values)
            {
                if (entry.Tags.Any(tags.Contains))
                {
                    Remove(entry.Key);
                }
            }
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _all++;
            _entries.Clear();
            _order.Clear();
            _count = 0;
        }
    }

    // The queue also holds what was removed or replaced since; it is cut down where that is the greater part.
    private void MakeRoom()
    {
        while (_count > capacity || _order.Count > 2 * capacity)
        {
            var oldest = _order.Dequeue();
            if (!_entries.TryGetValue(oldest.Key, out var present) || present != oldest)
            {
                continue;
            }

            if (_count <= capacity || (oldest.IsUsed && time.GetTimestamp() < oldest.Until))
            {
                oldest.IsUsed = false;
                _order.Enqueue(oldest);
                continue;
            }

            Remove(oldest.Key);
            evicted();
        }
    }

    private void Remove(string key)
    {
        if (_entries.TryRemove(key, out _))
        {
            _count--;
        }
    }

    private static int StripeOf(string key) => (int)((uint)string.GetHashCode(key, StringComparison.Ordinal) % Stripes);
}

/// <summary>An entry of the first level. The value is shared by all who read it.</summary>
/// <param name="key">The key.</param>
/// <param name="value">The value; null where it is known to be absent.</param>
/// <param name="version">The version of the row, where it has one.</param>
/// <param name="tags">Its tags.</param>
/// <param name="loadTime">How long its load took.</param>
/// <param name="until">When it leaves the first level, as <see cref="TimeProvider.GetTimestamp"/> gives it.</param>
/// <param name="expiry">When it expires in Redis, likewise.</param>
/// <param name="loadStamp">The stamp of the load that made it.</param>
internal sealed class LocalEntry(
    string key, object? value, long? version, string[] tags, TimeSpan loadTime, long until, long expiry, long loadStamp)
{
    public string Key => key;

    public object? Value => value;

    public long? Version => version;

    public string[] Tags => tags;

    public TimeSpan LoadTime => loadTime;

    public long Until => until;

    public long Expiry => expiry;

    public long LoadStamp => loadStamp;

    /// <summary>Whether it was read since the last look for something to evict.</summary>
    public bool IsUsed { get; set; }
}
