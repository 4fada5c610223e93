using System.Collections.Concurrent;
using WriteBehind.Caching.Diagnostics;
using WriteBehind.Caching.Local;
using WriteBehind.Caching.Store;

namespace WriteBehind.Caching.Loading;

/// <summary>
/// Reads: first level, Redis, loader. A key has at most one read under way in this process (a <see cref="Flight{T}"/>), and across
/// processes at most one load, for whoever has its lock.
/// </summary>
internal sealed class CacheReader(
    CacheStore store, LocalLevel local, InvalidationFeed feed, LoadRunner loads, RedisAbsence absence, CacheOptions options, CacheMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);

    // The type is part of it because a flight is of one type; a key is used with one type anyway.
    private readonly ConcurrentDictionary<(string Key, Type Type), object> _flights = new();
    private readonly ConcurrentDictionary<string, bool> _refreshing = new(StringComparer.Ordinal);

    /// <summary>Reads one key; completes at once where the first level has it.</summary>
    public ValueTask<Cached<T>> GetAsync<T>(string key, BatchLoader<T> loader, CancellationToken cancellationToken)
        where T : class
    {
        feed.Start();
        return TryLocal(key, loader, out var value)
            ? new ValueTask<Cached<T>>(value)
            : new ValueTask<Cached<T>>(FlyAsync([key], loader)[0].WaitAsync(cancellationToken));
    }

    /// <summary>Reads many distinct keys.</summary>
    public async Task<Dictionary<string, Cached<T>>> GetManyAsync<T>(IReadOnlyCollection<string> keys, BatchLoader<T> loader, CancellationToken cancellationToken)
        where T : class
    {
        feed.Start();
        var values = new Dictionary<string, Cached<T>>(keys.Count, StringComparer.Ordinal);
        var missing = new List<string>();
        foreach (var key in keys)
        {
            if (TryLocal(key, loader, out var value))
            {
                values.Add(key, value);
            }
            else
            {
                missing.Add(key);
            }
        }

        var flights = FlyAsync(missing, loader);
        await Task.WhenAll(flights).MayBeLeft().WaitAsync(cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < flights.Length; i++)
        {
            values.Add(missing[i], await flights[i].ConfigureAwait(false));
        }

        return values;
    }

    private bool TryLocal<T>(string key, BatchLoader<T> loader, out Cached<T> value)
        where T : class
    {
        value = default;
        if (!feed.IsVouched || local.Find(key) is not { } entry || entry.Value is not (null or T))
        {
            return false;
        }

        metrics.Hit("local");
        value = new Cached<T>((T?)entry.Value, entry.Version);
        ConsiderRefresh([key], TimeSpan.FromSeconds((entry.Expiry - time.GetTimestamp()) / (double)time.TimestampFrequency), entry.LoadTime, loader);
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
            // In this order: what is invalidated after the first look shows in the second.
            var flight = new Flight<T>(keys[i], local.VersionOf(keys[i]), feed.IsVouched, Land);
            var present = (Flight<T>)_flights.GetOrAdd((keys[i], typeof(T)), flight);
            if (present != flight && present.LocalVersion == flight.LocalVersion && !present.Done.IsCompleted)
            {
                metrics.Hit("shared");
                flights[i] = present.Done;
                continue;
            }

            // The one there began before an invalidation that this caller may know of, or has just ended.
            _flights[(keys[i], typeof(T))] = flight;
            own.Add(flight);
            flights[i] = flight.Done;
        }

        if (own.Count > 0)
        {
            _ = RunAsync(own, loader);
        }

        return flights;
    }

    private async Task RunAsync<T>(List<Flight<T>> flights, BatchLoader<T> loader)
        where T : class
    {
        try
        {
            if (!await AskAsync(flights, options.LockAcrossProcesses ? ReadMode.Get : ReadMode.Look).ConfigureAwait(false))
            {
                // Each process for itself, one load per key.
                flights.ForEach(_ => metrics.Miss());
                await loads.RunAsync(flights, loader).ConfigureAwait(false);
                return;
            }

            var missing = flights.Where(flight => !TryComplete(flight, loader)).ToList();
            missing.ForEach(_ => metrics.Miss());
            if (missing.Where(static flight => flight.Entry.Status == EntryStatus.Hit).ToList() is { Count: > 0 } unreadable)
            {
                await AskAsync(unreadable, ReadMode.Refresh).ConfigureAwait(false);
            }

            var waiting = missing.Where(IsLoadedElsewhere).ToList();
            await Task.WhenAll(
                loads.RunAsync([.. missing.Where(flight => !IsLoadedElsewhere(flight))], loader), WaitAsync(waiting, loader)).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers.
        catch (Exception e)
#pragma warning restore CA1031
        {
            flights.ForEach(flight => flight.Fail(e));
        }
    }

    // Each by itself: those of one call may end long before its slowest.
    private void Land<T>(Flight<T> flight)
        where T : class
        => _flights.TryRemove(new((flight.Key, typeof(T)), flight));

    /// <summary>Waits for what other processes load, taking over where one of them failed or died. Bounded: after that it is loaded here.</summary>
    private async Task WaitAsync<T>(List<Flight<T>> waiting, BatchLoader<T> loader)
        where T : class
    {
        waiting.ForEach(_ => metrics.LockWait());
        var started = time.GetTimestamp();
        var taken = new List<Task>();
        for (var pause = FirstPause; waiting.Count > 0 && time.GetElapsedTime(started) < options.LockWait; pause = Longer(pause))
        {
            await Task.Delay(pause, time).ConfigureAwait(false);
            if (!await AskAsync(waiting, ReadMode.Get).ConfigureAwait(false))
            {
                break;
            }

            var missing = waiting.Where(flight => !TryComplete(flight, loader)).ToList();
            waiting = [.. missing.Where(IsLoadedElsewhere)];
            taken.Add(loads.RunAsync([.. missing.Where(flight => !IsLoadedElsewhere(flight))], loader));
        }

        taken.Add(loads.RunAsync([.. waiting.Where(flight => !loads.TryGiveStale(flight))], loader));
        await Task.WhenAll(taken).ConfigureAwait(false);
    }

    /// <summary>Asks Redis for all of them; false where it is away.</summary>
    private async Task<bool> AskAsync<T>(List<Flight<T>> flights, ReadMode mode)
        where T : class
    {
        if (absence.IsAway)
        {
            return false;
        }

        try
        {
            var entries = await store.ReadAsync([.. flights.Select(static flight => flight.Key)], mode).ConfigureAwait(false);
            for (var i = 0; i < entries.Length; i++)
            {
                flights[i].Entry = entries[i];
            }

            return true;
        }
        catch (BufferUnavailableException)
        {
            absence.Note();
            return false;
        }
    }

    /// <summary>Completes a read that what Redis had can answer.</summary>
    private bool TryComplete<T>(Flight<T> flight, BatchLoader<T> loader)
        where T : class
    {
        if (flight.Entry.Status == EntryStatus.Paused)
        {
            return loads.TryGiveStale(flight);
        }

        if (flight.Entry.Status != EntryStatus.Hit || !loads.TryRead(flight, out var value))
        {
            return false;
        }

        metrics.Hit("redis");
        loads.Keep(flight, value, flight.Entry.Left, flight.Entry.LoadTime, flight.Entry.Tags);
        flight.Complete(value);
        ConsiderRefresh([flight.Key], flight.Entry.Left, flight.Entry.LoadTime, loader);
        return true;
    }

    /// <summary>Whether somebody else has the lock: Redis was asked, has no answer, and did not give the lock.</summary>
    private bool IsLoadedElsewhere<T>(Flight<T> flight)
        where T : class
        => options.LockAcrossProcesses && !flight.Entry.Locked && flight.Entry.Status is EntryStatus.Miss or EntryStatus.Stale;

    private void ConsiderRefresh<T>(string[] keys, TimeSpan left, TimeSpan loadTime, BatchLoader<T> loader)
        where T : class
    {
        if (EarlyExpiration.IsDue(left, loadTime, options.EarlyRefresh, Random.Shared.NextDouble()) && !absence.IsAway)
        {
            keys = [.. keys.Where(key => _refreshing.TryAdd(key, true))];
            if (keys.Length > 0)
            {
                _ = Task.Run(() => RefreshAsync(keys, loader));
            }
        }
    }

    /// <summary>Loads anew what is still fresh, beside the reads, if nobody else does. Where it fails, what is there stays.</summary>
    private async Task RefreshAsync<T>(string[] keys, BatchLoader<T> loader)
        where T : class
    {
        try
        {
            var flights = keys.Select(key => new Flight<T>(key, local.VersionOf(key), feed.IsVouched)).ToList();
            if (await AskAsync(flights, ReadMode.Refresh).ConfigureAwait(false))
            {
                flights.RemoveAll(static flight => !flight.Entry.Locked);
                flights.ForEach(_ => metrics.EarlyRefresh());
                await loads.RunAsync(flights, loader).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Nobody waits for this.
        catch (Exception)
#pragma warning restore CA1031
        {
            // A loader's error does not come here, and is counted. What else is wrong meets the next read that has to ask Redis, and its caller is told.
        }
        finally
        {
            Array.ForEach(keys, key => _refreshing.TryRemove(key, out _));
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;
}
