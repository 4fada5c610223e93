using System.Collections.Concurrent;
using WriteBehind.Common;

namespace WriteBehind.Caching;

/// <summary>
/// Reads: first level, Redis, loader. A key has at most one read under way in this process (a <see cref="Flight{T}"/>), but for what reads
/// of many keys find fresh; and across processes at most one load, for whoever has its lock.
/// </summary>
internal sealed class CacheReader(
    ICacheStore store,
    LocalLevel local,
    IInvalidationFeed feed,
    LoadRunner loads,
    CacheOptions options,
    CacheMetrics metrics,
    TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);

    // The type is part of it because a flight is of one type; a key is used with one type anyway.
    private readonly ConcurrentDictionary<(string Key, Type Type), object> _flights = new();
    private readonly ConcurrentDictionary<string, bool> _refreshing = new(StringComparer.Ordinal);

    private ReadMode FirstMode => options.LockAcrossProcesses ? ReadMode.Get : ReadMode.Look;

    /// <summary>Reads one key; completes at once where the first level has it.</summary>
    public ValueTask<Cached<T>> GetAsync<T>(string key, BatchLoader<T> loader, CancellationToken cancellationToken)
        where T : class
    {
        feed.Start();
        List<EntryRequest>? due = null;
        if (!TryLocal<T>(key, out var value, ref due))
        {
            return new ValueTask<Cached<T>>(FlyAsync(key, loader).WaitAsync(cancellationToken));
        }

        Refresh(due, loader);
        return new ValueTask<Cached<T>>(value);
    }

    /// <summary>Reads many distinct keys.</summary>
    public async Task<Dictionary<string, Cached<T>>> GetManyAsync<T>(
        IReadOnlyCollection<string> keys, BatchLoader<T> loader, CancellationToken cancellationToken)
        where T : class
    {
        feed.Start();
        var values = new Dictionary<string, Cached<T>>(keys.Count, StringComparer.Ordinal);
        var missing = new List<string>();
        List<EntryRequest>? due = null;
        foreach (var key in keys)
        {
            if (TryLocal<T>(key, out var value, ref due))
            {
                values.Add(key, value);
            }
            else
            {
                missing.Add(key);
            }
        }

        Refresh(due, loader);
        if (missing.Count > 1)
        {
            // A single one shares the reads of others.
            var taking = Detached.RunAsync(
                static read => read.Reader.TakeFreshAsync(read.Missing, read.Values, read.Loader),
                (Reader: this, Missing: missing, Values: values, Loader: loader));
            missing = await taking.MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        var flights = FlyAsync(missing, loader);
        await Task.WhenAll(flights).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < flights.Length; i++)
        {
            values.Add(missing[i], await flights[i].ConfigureAwait(false));
        }

        return values;
    }

    /// <summary>
    /// Takes what is fresh in Redis, without a flight for each; returns the others. In nobody's context, as values are made of it which
    /// the first level gives to all.
    /// </summary>
    private async Task<List<string>> TakeFreshAsync<T>(List<string> keys, Dictionary<string, Cached<T>> values, BatchLoader<T> loader)
        where T : class
    {
        // In this order: what is invalidated after the first look shows in the second.
        var versions = options.LocalCapacity > 0 ? keys.ConvertAll(local.VersionOf) : null;
        versions = feed.IsTrusted ? versions : null;
        var entries = await store.ReadFreshAsync(keys).ConfigureAwait(false);
        var left = new List<string>();
        List<EntryRequest>? due = null;
        for (var i = 0; i < entries.Length; i++)
        {
            ref readonly var entry = ref entries[i];
            if (entry.Status == EntryStatus.Hit && loads.TryRead<T>(keys[i], entry, out var value))
            {
                metrics.Hit("redis");
                loads.Keep(keys[i], versions?[i], value, entry.Left, entry.LoadTime, entry.Tags, entry.LoadStamp);
                values.Add(keys[i], value);
                AddDue(keys[i], entry, ref due);
            }
            else
            {
                left.Add(keys[i]);
            }
        }

        Refresh(due, loader);
        return left;
    }

    private bool TryLocal<T>(string key, out Cached<T> value, ref List<EntryRequest>? due)
        where T : class
    {
        value = default;
        if (!feed.IsTrusted || local.Find(key) is not { } entry || entry.Value is not (null or T))
        {
            return false;
        }

        metrics.Hit("local");
        value = new Cached<T>((T?)entry.Value, entry.Version);
        if (IsDue(TimeSpan.FromSeconds((entry.Expiry - time.GetTimestamp()) / (double)time.TimestampFrequency), entry.LoadTime))
        {
            (due ??= []).Add(new EntryRequest(key, ReadMode.Refresh, entry.LoadStamp));
        }

        return true;
    }

    /// <summary>Joins reads that are under way, and begins the others together.</summary>
    private Task<Cached<T>>[] FlyAsync<T>(List<string> keys, BatchLoader<T> loader)
        where T : class
    {
        var flights = new Task<Cached<T>>[keys.Count];
        var own = new List<Flight<T>>();
        for (var i = 0; i < flights.Length; i++)
        {
            if (!TryJoin<T>(keys[i], out var flight))
            {
                own.Add(flight);
            }

            flights[i] = flight.Done;
        }

        if (own.Count > 0)
        {
            Detached.Begin(static read => read.Reader.RunAsync(read.Flights, read.Loader), (Reader: this, Flights: own, Loader: loader));
        }

        return flights;
    }

    /// <summary>The same for a single key, which costs less than a list of one.</summary>
    private Task<Cached<T>> FlyAsync<T>(string key, BatchLoader<T> loader)
        where T : class
    {
        if (!TryJoin<T>(key, out var flight))
        {
            Detached.Begin(static read => read.Reader.RunAsync(read.Flight, read.Loader), (Reader: this, Flight: flight, Loader: loader));
        }

        return flight.Done;
    }

    /// <summary>The read of a key that is under way; false where it is a new one, which is to begin.</summary>
    private bool TryJoin<T>(string key, out Flight<T> flight)
        where T : class
    {
        // In this order: what is invalidated after the first look shows in the second.
        flight = new Flight<T>(key, local.VersionOf(key), feed.IsTrusted, Leave);
        var present = (Flight<T>)_flights.GetOrAdd((key, typeof(T)), flight);
        if (present == flight)
        {
            return false;
        }

        if (present.LocalVersion == flight.LocalVersion && !present.Done.IsCompleted)
        {
            metrics.Hit("shared");
            flight = present;
            return true;
        }

        // The one there began before an invalidation that this caller may know of, or has just ended.
        _flights[(key, typeof(T))] = flight;
        return false;
    }

    private async Task RunAsync<T>(Flight<T> flight, BatchLoader<T> loader)
        where T : class
    {
        try
        {
            flight.Take(await store.ReadAsync(new EntryRequest(flight.Key, FirstMode, flight.Entry.LoadStamp)).ConfigureAwait(false));
            List<EntryRequest>? due = null;
            if (TryComplete(flight, ref due))
            {
                Refresh(due, loader);
            }
            else
            {
                await LoadAsync([flight], loader).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers.
        catch (Exception e)
#pragma warning restore CA1031
        {
            flight.Fail(e);
        }
    }

    private async Task RunAsync<T>(List<Flight<T>> flights, BatchLoader<T> loader)
        where T : class
    {
        try
        {
            await AskAsync(flights, FirstMode).ConfigureAwait(false);
            if (CompleteFrom(flights, loader) is { Count: > 0 } missing)
            {
                await LoadAsync(missing, loader).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers.
        catch (Exception e)
#pragma warning restore CA1031
        {
            flights.ForEach(flight => flight.Fail(e));
        }
    }

    /// <summary>Has what Redis could not answer loaded, here or by whoever does so already.</summary>
    private async Task LoadAsync<T>(List<Flight<T>> missing, BatchLoader<T> loader)
        where T : class
    {
        if (missing.Where(static flight => flight.Entry.Status == EntryStatus.Hit).ToList() is { Count: > 0 } unreadable)
        {
            await AskAsync(unreadable, ReadMode.Refresh).ConfigureAwait(false);
        }

        var waiting = missing.Where(IsLoadedElsewhere).ToList();
        await Task.WhenAll(
            loads.RunAsync([.. missing.Where(flight => !IsLoadedElsewhere(flight))], loader),
            WaitAsync(waiting, loader)).ConfigureAwait(false);
    }

    // Each by itself: those of one call may end long before its slowest.
    private void Leave<T>(Flight<T> flight)
        where T : class
        => _flights.TryRemove(new((flight.Key, typeof(T)), flight));

    /// <summary>
    /// Waits for what other processes load, taking over where one of them failed or died. Bounded: after that it is loaded here.
    /// </summary>
    private async Task WaitAsync<T>(List<Flight<T>> waiting, BatchLoader<T> loader)
        where T : class
    {
        waiting.ForEach(_ => metrics.LockWait());
        var started = time.GetTimestamp();
        var taken = new List<Task>();
        bool Goes() => waiting.Count > 0 && time.GetElapsedTime(started) < options.LockWait;
        for (var pause = FirstPause; Goes(); pause = Pauses.Longer(pause, LongestPause))
        {
            await Task.Delay(pause, time).ConfigureAwait(false);
            await AskAsync(waiting, ReadMode.Get).ConfigureAwait(false);
            var missing = CompleteFrom(waiting, loader);
            waiting = [.. missing.Where(IsLoadedElsewhere)];
            taken.Add(
                loads.RunAsync(
                    [.. missing.Where(flight => !IsLoadedElsewhere(flight) && !(flight.IsRedisAway && loads.TryGiveStale(flight)))],
                    loader));
        }

        taken.Add(loads.RunAsync([.. waiting.Where(flight => !loads.TryGiveStale(flight))], loader));
        await Task.WhenAll(taken).ConfigureAwait(false);
    }

    /// <summary>Asks Redis for all of them. Where it is away, each process is for itself: one load per key.</summary>
    private async Task AskAsync<T>(List<Flight<T>> flights, ReadMode mode)
        where T : class
    {
        var entries = await store.ReadAsync(
            flights.Select(flight => new EntryRequest(flight.Key, mode, flight.Entry.LoadStamp))).ConfigureAwait(false);
        for (var i = 0; i < entries.Length; i++)
        {
            flights[i].Take(entries[i]);
        }
    }

    /// <summary>Completes the reads that what Redis had can answer, and begins what refreshes they drew; returns the others.</summary>
    private List<Flight<T>> CompleteFrom<T>(List<Flight<T>> flights, BatchLoader<T> loader)
        where T : class
    {
        List<EntryRequest>? due = null;
        var missing = flights.FindAll(flight => !TryComplete(flight, ref due));
        Refresh(due, loader);
        return missing;
    }

    private bool TryComplete<T>(Flight<T> flight, ref List<EntryRequest>? due)
        where T : class
    {
        if (flight.Entry.Status == EntryStatus.Paused)
        {
            return loads.TryGiveStale(flight);
        }

        if (flight.Entry.Status != EntryStatus.Hit || !loads.TryRead<T>(flight.Key, flight.Entry, out var value))
        {
            return false;
        }

        metrics.Hit("redis");
        Keep(flight, value);
        flight.Complete(value);
        AddDue(flight.Key, flight.Entry, ref due);
        return true;
    }

    private void AddDue(string key, in StoredEntry entry, ref List<EntryRequest>? due)
    {
        if (IsDue(entry.Left, entry.LoadTime))
        {
            (due ??= []).Add(new EntryRequest(key, ReadMode.Refresh, entry.LoadStamp));
        }
    }

    /// <summary>Whether somebody else has the lock: Redis was asked, has no answer, and did not give the lock.</summary>
    private bool IsLoadedElsewhere<T>(Flight<T> flight)
        where T : class
        => options.LockAcrossProcesses && !flight.IsRedisAway && !flight.Entry.Locked
            && flight.Entry.Status is EntryStatus.Miss or EntryStatus.Stale;

    private void Keep<T>(Flight<T> flight, Cached<T> value)
        where T : class
        => loads.Keep(flight.Key, flight.Known, value, flight.Entry.Left, flight.Entry.LoadTime, flight.Entry.Tags, flight.Entry.LoadStamp);

    private bool IsDue(TimeSpan left, TimeSpan loadTime)
        => EarlyExpiration.IsDue(left, loadTime, options.EarlyRefresh, Random.Shared.NextDouble());

    /// <summary>
    /// Begins to refresh what reads drew, unless this process does so already: those of one read with one call of the loader.
    /// </summary>
    private void Refresh<T>(List<EntryRequest>? due, BatchLoader<T> loader)
        where T : class
    {
        due?.RemoveAll(request => store.IsAway(request.Key) || !_refreshing.TryAdd(request.Key, true));
        if (due is { Count: > 0 })
        {
            Detached.Start(static call => call.Reader.RefreshAsync(call.Due, call.Loader), (Reader: this, Due: due, Loader: loader));
        }
    }

    /// <summary>
    /// Loads anew what is still fresh, beside the reads, if nobody else does or has. Where it fails, what is there stays.
    /// </summary>
    private async Task RefreshAsync<T>(List<EntryRequest> due, BatchLoader<T> loader)
        where T : class
    {
        try
        {
            var flights = due.Select(request => new Flight<T>(request.Key, local.VersionOf(request.Key), feed.IsTrusted)
            {
                Entry = StoredEntry.Unknown with { LoadStamp = request.Known },
            }).ToList();
            await AskAsync(flights, ReadMode.Refresh).ConfigureAwait(false);
            for (var i = 0; i < flights.Count; i++)
            {
                // Loaded anew by another process: from now on readers here go by its expiry.
                if (flights[i].Entry is { Locked: false, Status: EntryStatus.Hit } entry && entry.LoadStamp > due[i].Known
                    && loads.TryRead<T>(flights[i].Key, flights[i].Entry, out var value))
                {
                    Keep(flights[i], value);
                }
            }

            flights.RemoveAll(static flight => !flight.Entry.Locked);
            flights.ForEach(_ => metrics.EarlyRefresh());
            await loads.RunAsync(flights, loader).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody waits for this.
        catch (Exception)
#pragma warning restore CA1031
        {
            // A loader's error does not come here, and is counted. What else is wrong meets the next read that has to ask Redis, and its
            // caller is told.
        }
        finally
        {
            due.ForEach(request => _refreshing.TryRemove(request.Key, out _));
        }
    }
}
