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

    /// <summary>How many entities that were rejected before are tried in one batch: bisecting stays cheap.</summary>
    public const int SuspectBatch = 32;

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
    private long _passes;
    private volatile string? _refusedFor;

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

    /// <summary>Whether others have passed since the entity failed last.</summary>
    public bool OthersPassed(string id)
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return false;
        }

        lock (_lock)
        {
            return _entries.TryGetValue(id, out var entry) && entry != default && entry.Passes < Passes;
        }
    }

    /// <summary>
    /// Whether the entity is known to fail with this error while others do not: it was judged for it before, or it has failed with it and
    /// others have passed since.
    /// </summary>
    public bool IsAlone(string id, string code)
    {
        lock (_lock)
        {
            return code != _refusedFor && _entries.TryGetValue(id, out var entry) && entry.Code == code
                && (entry.Attempts > 0 || entry.Passes < Passes);
        }
    }

    /// <summary>Whether the entity waits for another one to be flushed, and not for its cause to be mended.</summary>
    public bool WaitsForOthers(string id)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(id, out var entry) && entry.WaitsForOthers;
        }
    }

    /// <summary>
    /// How much of the type has passed so far. Who fails notes what it was when the batch began: what passes beside it counts.
    /// </summary>
    public long Passes => Volatile.Read(ref _passes);

    /// <summary>Whether all that were tried lately failed with this error, and nothing has passed since.</summary>
    public bool IsOfAll(string code) => _refusedFor == code;

    /// <summary>Notes that nothing of the type gets through, and what for.</summary>
    public void NoteRefusal(string code) => _refusedFor = code;

    /// <summary>Notes that the database has taken something of the type.</summary>
    public void NotePass()
    {
        _refusedFor = null;

        Interlocked.Increment(ref _passes);
    }

    /// <summary>
    /// Notes a rejection. Returns how often the entity has been rejected in a row, since when, and whether that was the last try.
    /// </summary>
    /// <param name="id">The entity.</param>
    /// <param name="code">What for.</param>
    /// <param name="patience">How long tries go on at least; for what may come right by itself.</param>
    public (int Attempts, DateTimeOffset FirstAt, bool IsLast) Reject(string id, string? code = null, TimeSpan patience = default)
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
            var isLast = (attempts >= maxAttempts && time.GetUtcNow() - firstAt >= patience) || isFull;
            if (!isLast)
            {
                var pause = Pauses.Doubled(delay, attempts - 1, LongestDelay);
                _entries[id] = new Entry(attempts, firstAt, time.In(pause), code, Passes, WaitsForOthers: patience > TimeSpan.Zero);
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
    /// <param name="id">The entity.</param>
    /// <param name="code">What it failed with, where nobody knows yet whether that is its fault.</param>
    /// <param name="passes">What had passed when its batch began; null for what has passed by now.</param>
    public void Postpone(string id, string? code = null, long? passes = null)
    {
        lock (_lock)
        {
            var known = _entries.TryGetValue(id, out var entry);
            if (!known)
            {
                MakeRoom();
            }

            if (known || _entries.Count < Capacity)
            {
                var (attempts, firstAt) = code is not null && entry.Code == code ? (entry.Attempts, entry.FirstAt) : (0, time.GetUtcNow());
                _entries[id] = new Entry(attempts, firstAt, time.In(LongestDelay), code, passes ?? Passes, WaitsForOthers: false);
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

    private readonly record struct Entry(
        int Attempts, DateTimeOffset FirstAt, long NotBefore, string? Code, long Passes, bool WaitsForOthers);
}
