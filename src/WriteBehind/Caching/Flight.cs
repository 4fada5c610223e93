namespace WriteBehind.Caching;

/// <summary>A read of one key that is under way, and that all callers of this process share who ask for it meanwhile.</summary>
/// <param name="key">The key.</param>
/// <param name="localVersion">The first level's version of the key when it began; callers that see another one do not join.</param>
/// <param name="mayKeep">Whether the first level was trusted when it began.</param>
/// <param name="ending">Told when it is about to end, so that nobody joins a read whose answer may be old by then.</param>
internal sealed class Flight<T>(string key, long localVersion, bool mayKeep, Action<Flight<T>>? ending = null)
    where T : class
{
    // Asynchronous continuations: a caller must not run its own code on the read that serves all callers.
    private readonly TaskCompletionSource<Cached<T>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Key => key;

    public long LocalVersion => localVersion;

    /// <summary>The first level's version of the key from before the read; null where what is read may not be kept there.</summary>
    public long? Known => mayKeep ? localVersion : null;

    /// <summary>Whether callers wait for it; otherwise it refreshes beside the reads, and counts as none.</summary>
    public bool IsRead => ending is not null;

    /// <summary>What Redis had when it last answered.</summary>
    public StoredEntry Entry { get; set; } = StoredEntry.Unknown;

    /// <summary>Whether it did not answer when it was asked last.</summary>
    public bool IsRedisAway { get; set; }

    public Task<Cached<T>> Done => _done.Task;

    public void Complete(Cached<T> value)
    {
        ending?.Invoke(this);
        _done.TrySetResult(value);
    }

    public void Fail(Exception error)
    {
        ending?.Invoke(this);
        if (_done.TrySetException(error))
        {
            // Everybody may have gone away; then nobody else looks at it.
            _ = _done.Task.Exception;
        }
    }
}

/// <summary>Loads values by their keys; what it leaves out is absent.</summary>
internal delegate Task<IReadOnlyDictionary<string, Loaded<T>>> BatchLoader<T>(
    IReadOnlyList<string> keys, CancellationToken cancellationToken)
    where T : class;

/// <summary>A value as the cache gives it.</summary>
/// <param name="Value">The value; null where there is none.</param>
/// <param name="Version">The version of the row, where it has one.</param>
internal readonly record struct Cached<T>(T? Value, long? Version)
    where T : class;

/// <summary>A value as a loader gives it.</summary>
/// <param name="Value">The value; null where there is none.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="Tags">Its tags; null for a value where they can't be told: it is given, and not stored, as no removal of a tag would reach
/// it.</param>
internal readonly record struct Loaded<T>(T? Value, long? Version, IReadOnlyCollection<string>? Tags)
    where T : class;
