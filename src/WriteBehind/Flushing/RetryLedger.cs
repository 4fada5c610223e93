using WriteBehind.Common;

namespace WriteBehind.Flushing;

/// <summary>
/// Which entities the database rejected lately, how often, and when they may be tried again. Bounded: where it is full, a rejected
/// entity becomes a dead letter at once, so that a flood of bad entities costs neither memory nor the good ones' time.
/// </summary>
/// <remarks>
/// The latest dead letters stay suspects: a writer that revives one again and again with a state that does not fit would otherwise
/// have it bisected out of a batch of good ones after every few tries.
/// </remarks>
internal sealed class RetryLedger(int maxAttempts, TimeSpan delay, TimeProvider time)
{
    /// <summary>The most entities remembered: about 2 MB.</summary>
    public const int Capacity = 10_000;

    /// <summary>The most of them that are dead letters; older ones are forgotten.</summary>
    private const int DeadCapacity = 1_000;

    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(4);

    /// <summary>
    /// How long after its pause an entity may be forgotten where room is needed. One that is still dirty would have been tried again
    /// by then; so another process saved it or set it aside.
    /// </summary>
    private static readonly TimeSpan Stale = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan PruneInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Queue<string> _dead = new();
    private int _count;
    private long? _prunedAt;

    /// <summary>Whether the entity was rejected lately, and so must not share a batch with good ones.</summary>
    public bool IsSuspect(string id)
    {
        lock (_lock)
        {
            return _entries.ContainsKey(id);
        }
    }

    /// <summary>Whether the entity has been rejected lately and its pause is not over.</summary>
    public bool MustWait(string id)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(id, out var entry) && time.GetTimestamp() < entry.NotBefore;
        }
    }

    /// <summary>
    /// Notes a rejection. Returns how often the entity has been rejected in a row, since when, and whether that was the last try.
    /// </summary>
    public (int Attempts, DateTimeOffset FirstAt, bool IsLast) Reject(string id)
    {
        lock (_lock)
        {
            var known = _entries.TryGetValue(id, out var entry);
            var attempts = entry.Attempts + 1;
            var firstAt = entry.Attempts > 0 ? entry.FirstAt : time.GetUtcNow();
            if (!known)
            {
                MakeRoom();
            }

            var isFull = !known && _entries.Count >= Capacity;
            var isLast = attempts >= maxAttempts || isFull;
            if (!isLast)
            {
                _entries[id] = new Entry(attempts, firstAt, time.In(Pauses.Doubled(delay, attempts - 1, LongestDelay)));
            }
            else if (!isFull)
            {
                RememberDead(id);
            }

            Volatile.Write(ref _count, _entries.Count);
            return (attempts, firstAt, isLast);
        }
    }

    /// <summary>Keeps an entity out of the way for a while without counting a try.</summary>
    public void Postpone(string id)
    {
        lock (_lock)
        {
            var known = _entries.ContainsKey(id);
            if (!known)
            {
                MakeRoom();
            }

            if (known || _entries.Count < Capacity)
            {
                _entries[id] = new Entry(0, time.GetUtcNow(), time.In(LongestDelay));
                Volatile.Write(ref _count, _entries.Count);
            }
        }
    }

    /// <summary>
    /// The entity was written anew and may be tried at once. It stays a suspect: one that is written all the time and never fits must
    /// not be mixed with good ones after every write.
    /// </summary>
    public void Revive(string id)
    {
        // The hot path: every acknowledged write comes by here, and mostly nothing is rejected.
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        lock (_lock)
        {
            if (_entries.TryGetValue(id, out var entry) && entry != default)
            {
                _entries[id] = entry with { NotBefore = time.GetTimestamp() };
            }
        }
    }

    /// <summary>Forgets an entity: it was saved, or the cause is said to be mended.</summary>
    public void Forget(string id)
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        lock (_lock)
        {
            _entries.Remove(id);
            Volatile.Write(ref _count, _entries.Count);
        }
    }

    /// <summary>The entity is found to be a dead letter, whoever made it one: it needs no tries, but stays a suspect for a while.</summary>
    public void Bury(string id)
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        lock (_lock)
        {
            if (_entries.TryGetValue(id, out var entry) && entry != default)
            {
                RememberDead(id);
                Volatile.Write(ref _count, _entries.Count);
            }
        }
    }

    /// <summary>Where it is full, forgets a dead letter, or else all those that nobody has met for long.</summary>
    private void MakeRoom()
    {
        if (_entries.Count >= Capacity)
        {
            ForgetOldestDead();
        }

        // Not again and again: in a flood of rejections nothing is stale, and looking costs.
        if (_entries.Count < Capacity || (_prunedAt is { } last && time.GetElapsedTime(last) < PruneInterval))
        {
            return;
        }

        _prunedAt = time.GetTimestamp();
        var limit = time.After(_prunedAt.Value, -Stale);
        foreach (var (id, entry) in _entries)
        {
            if (entry != default && entry.NotBefore < limit)
            {
                _entries.Remove(id);
            }
        }
    }

    private void RememberDead(string id)
    {
        _entries[id] = default;
        _dead.Enqueue(id);
        if (_dead.Count > DeadCapacity)
        {
            ForgetOldestDead();
        }
    }

    private void ForgetOldestDead()
    {
        // One that was rejected again since is alive, and remembered for that.
        if (_dead.TryDequeue(out var id) && _entries.TryGetValue(id, out var entry) && entry == default)
        {
            _entries.Remove(id);
        }
    }

    private readonly record struct Entry(int Attempts, DateTimeOffset FirstAt, long NotBefore);
}
