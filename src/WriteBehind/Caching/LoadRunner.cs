using WriteBehind.Common;

namespace WriteBehind.Caching;

/// <summary>Calls loaders, bounded in number and time, stores what they give, and finds a way out where they fail.</summary>
internal sealed class LoadRunner(
    ICacheStore store,
    LocalLevel local,
    CacheCodec codec,
    SemaphoreSlim slots,
    CacheOptions options,
    CacheMetrics metrics,
    TimeProvider time)
{
    /// <summary>Loads the keys of flights with one call, and completes the flights whatever happens.</summary>
    public async Task RunAsync<T>(IReadOnlyList<Flight<T>> flights, BatchLoader<T> loader)
        where T : class
    {
        if (flights.Count == 0)
        {
            return;
        }

        HeldLock[] locked = [
            .. flights.Where(static flight => flight.Entry.Locked).Select(static flight => new HeldLock(flight.Key, flight.Entry.Stamp))];
        var renewal = new LockRenewal(store, locked, options.LockLease, time);
        await using (renewal.ConfigureAwait(false))
        {
            renewal.Start();
            IReadOnlyDictionary<string, Loaded<T>> loaded;
            TimeSpan duration;
            try
            {
                (loaded, duration) = await CallAsync(flights, loader).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers.
            catch (Exception e)
#pragma warning restore CA1031
            {
                metrics.LoadFailed();
                await store.ReleaseAsync(locked, options.StalePause).ConfigureAwait(false);
                FailOver(flights, e);
                return;
            }

            await StoreAsync(flights, loaded, duration).ConfigureAwait(false);
            foreach (var flight in flights)
            {
                var row = loaded.GetValueOrDefault(flight.Key);
                CountMiss(flight);
                flight.Complete(new Cached<T>(row.Value, row.Version));
            }
        }
    }

    /// <summary>The value that Redis had, where it can be read; false where there is none.</summary>
    public bool TryRead<T>(string key, in StoredEntry entry, out Cached<T> value)
        where T : class
    {
        value = new Cached<T>(null, entry.Version);
        if (entry.Payload is not { } payload)
        {
            return true;
        }

        var isReadable = codec.TryDecode<T>(key, payload, out var content);
        value = new Cached<T>(content, entry.Version);
        return isReadable;
    }

    /// <summary>Puts a fresh value into the first level, for as long as it is fresh in Redis at most.</summary>
    /// <param name="key">The key.</param>
    /// <param name="localVersion">The first level's version of the key from before the read; null where it was not trusted then.</param>
    /// <param name="value">The value.</param>
    /// <param name="left">How long it is fresh.</param>
    /// <param name="loadTime">How long its load took.</param>
    /// <param name="tags">Its tags.</param>
    /// <param name="loadStamp">The stamp of its load.</param>
    public void Keep<T>(
        string key, long? localVersion, Cached<T> value, TimeSpan left, TimeSpan loadTime, string[] tags, long loadStamp)
        where T : class
    {
        if (localVersion is not { } known || left <= TimeSpan.Zero)
        {
            return;
        }

        // A sliding entry must be read from Redis now and then, or it would expire there while it is in use here.
        var stay = options.SlidingTtl is { } sliding && sliding / 2 < options.LocalTtl ? sliding / 2 : options.LocalTtl;
        var now = time.GetTimestamp();
        var expiry = time.After(now, left);
        var until = Math.Min(expiry, time.After(now, stay));
        local.Put(new LocalEntry(key, value.Value, value.Version, tags, loadTime, until, expiry, loadStamp), known);
    }

    /// <summary>Gives what has expired, where it may still be given and can be read.</summary>
    public bool TryGiveStale<T>(Flight<T> flight)
        where T : class
    {
        if (flight.Entry.Status is not (EntryStatus.Stale or EntryStatus.Paused) || !TryRead<T>(flight.Key, flight.Entry, out var value))
        {
            return false;
        }

        if (flight.IsRead)
        {
            metrics.StaleHit();
        }

        flight.Complete(value);
        return true;
    }

    // Only once it is known that no stale value answers it: each read counts once.
    private void CountMiss<T>(Flight<T> flight)
        where T : class
    {
        if (flight.IsRead)
        {
            metrics.Miss();
        }
    }

    private async Task<(IReadOnlyDictionary<string, Loaded<T>> Loaded, TimeSpan Duration)> CallAsync<T>(
        IReadOnlyList<Flight<T>> flights, BatchLoader<T> loader)
        where T : class
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        try
        {
            await slots.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException(
                $"{options.MaxConcurrentLoads} loads of cache '{options.Name}' (MaxConcurrentLoads) were under way for " +
                $"{options.LoadTimeout} (LoadTimeout) already.");
        }

        try
        {
            var started = time.GetTimestamp();

            // For all who wait for it, so in nobody's context: an ambient transaction of one would take in its query. One that does not
            // heed its token is left to itself.
            string[] keys = [.. flights.Select(static flight => flight.Key)];
            var running = Detached.RunAsync(static call => call.loader(call.keys, call.Token), (loader, keys, limit.Token));
            var loaded = await running.MayBeAbandoned().WaitAsync(limit.Token).ConfigureAwait(false);
            var duration = time.GetElapsedTime(started);
            metrics.Loaded(duration);
            return (loaded, duration);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested)
        {
            throw new TimeoutException($"The loader took longer than {options.LoadTimeout} (LoadTimeout).", e);
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task StoreAsync<T>(IReadOnlyList<Flight<T>> flights, IReadOnlyDictionary<string, Loaded<T>> loaded, TimeSpan duration)
        where T : class
    {
        var (fills, filled, unstored) = (new List<EntryFill>(), new List<Flight<T>>(), new List<HeldLock>());
        foreach (var flight in flights)
        {
            if (FillOf(flight, loaded.GetValueOrDefault(flight.Key), duration) is { } fill)
            {
                fills.Add(fill);
                filled.Add(flight);
            }
            else if (flight.Entry.Locked)
            {
                unstored.Add(new HeldLock(flight.Key, flight.Entry.Stamp));
            }
        }

        await store.ReleaseAsync(unstored, TimeSpan.Zero).ConfigureAwait(false);
        if (fills.Count == 0)
        {
            return;
        }

        // If Redis is away (null) the callers have their answer all the same. The entry would have spared the next ones a load.
        var stored = await store.FillAsync(fills).ConfigureAwait(false);
        for (var i = 0; i < stored.Length; i++)
        {
            if (stored[i] == true)
            {
                var row = loaded.GetValueOrDefault(fills[i].Key);
                Keep(
                    fills[i].Key, filled[i].Known, new Cached<T>(row.Value, row.Version), fills[i].Ttl, duration, [.. fills[i].Tags],
                    fills[i].Stamp);
            }
            else if (stored[i] == false)
            {
                metrics.FillRefused();
            }
        }
    }

    private EntryFill? FillOf<T>(Flight<T> flight, Loaded<T> row, TimeSpan duration)
        where T : class
    {
        var isWanted = row.Value is null ? options.NegativeTtl > TimeSpan.Zero : row.Tags is not null;
        if (!isWanted || flight.Entry.Stamp == 0 || flight.Entry.Status is EntryStatus.Doubt or EntryStatus.Unexpected)
        {
            return null;
        }

        var payload = row.Value is null ? null : codec.Encode(flight.Key, row.Value);
        return row.Value is not null && payload is null
            ? null
            : new EntryFill(
                flight.Key,
                flight.Entry.Stamp,
                row.Version,
                Jittered(row.Value is null ? options.NegativeTtl : options.Ttl),
                payload,
                duration,
                row.Tags ?? []);
    }

    public TimeSpan Jittered(TimeSpan ttl) => ttl * (1 - (options.Jitter * Random.Shared.NextDouble()));

    private void FailOver<T>(IReadOnlyList<Flight<T>> flights, Exception error)
        where T : class
    {
        foreach (var flight in flights)
        {
            if (!TryGiveStale(flight))
            {
                CountMiss(flight);
                flight.Fail(new CacheLoadException(options.Name, flight.Key, error));
            }
        }
    }
}

/// <summary>Makes the locks of a load last while it is under way: three times per lease, so that one failure does no harm.</summary>
internal sealed class LockRenewal(ICacheStore store, IReadOnlyList<HeldLock> locks, TimeSpan lease, TimeProvider time) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public void Start() => _running = locks.Count == 0 ? Task.CompletedTask : RunAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(lease / 3, time, _stop.Token).ConfigureAwait(false);
                await store.RenewAsync(locks, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (BufferUnavailableException)
            {
                // A lost lock means that somebody else may load too. The stamp keeps the older of the two from being stored over the newer.
            }
        }
    }
}

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
    public bool IsRedisAway { get; private set; }

    public Task<Cached<T>> Done => _done.Task;

    /// <summary>Takes Redis' answer; null where it is away.</summary>
    public void Take(in StoredEntry? entry)
    {
        IsRedisAway = entry is null;
        Entry = entry ?? Entry;
    }

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
