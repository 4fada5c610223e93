using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Caching.ReadThrough;

namespace WriteBehind.Caching;

/// <summary>Checks the settings of one cache; every message names the cache, the setting, its value and the fix.</summary>
internal static class CacheOptionsValidator
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);

    public static List<string> Validate(CacheOptions options, TimeSpan? mark)
    {
        var failures = new List<string>();
        void Check(bool ok, string setting, object? value, string fix)
        {
            if (!ok)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{setting} of cache '{options.Name}' is '{value}': {fix}"));
            }
        }

        bool IsTime(TimeSpan time, int days = 1) => time >= Shortest && time <= TimeSpan.FromDays(days);

        Check(EntityIds.IsName(options.Name), "Name", options.Name, "use a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.");
        Check(IsTime(options.Ttl, 365), nameof(options.Ttl), options.Ttl, "use 10 ms to 365 days; an entry always expires.");
        Check(options.Jitter is >= 0 and <= 0.9, nameof(options.Jitter), options.Jitter, "use 0 to 0.9.");
        Check(
            options.SlidingTtl is null || (IsTime(options.SlidingTtl.Value, 365) && options.SlidingTtl <= options.Ttl), nameof(options.SlidingTtl), options.SlidingTtl, $"use null, or 10 ms up to Ttl ({options.Ttl}).");
        Check(
            options.NegativeTtl == TimeSpan.Zero || (IsTime(options.NegativeTtl, 365) && options.NegativeTtl <= options.Ttl), nameof(options.NegativeTtl), options.NegativeTtl, $"use 0 (off), or 10 ms up to Ttl ({options.Ttl}).");
        Check(options.MaxStale >= TimeSpan.Zero && options.MaxStale <= TimeSpan.FromDays(365), nameof(options.MaxStale), options.MaxStale, "use 0 (off) to 365 days.");
        Check(options.StalePause >= TimeSpan.Zero && options.StalePause <= TimeSpan.FromDays(1), nameof(options.StalePause), options.StalePause, "use 0 to 1 day.");
        Check(IsTime(options.LoadTimeout), nameof(options.LoadTimeout), options.LoadTimeout, "use 10 ms to 1 day.");
        Check(options.MaxConcurrentLoads is >= 1 and <= 10_000, nameof(options.MaxConcurrentLoads), options.MaxConcurrentLoads, "use 1 to 10,000.");
        Check(
            options.FenceTime > options.LoadTimeout && options.FenceTime <= TimeSpan.FromDays(1), nameof(options.FenceTime), options.FenceTime, $"use more than LoadTimeout ({options.LoadTimeout}), up to 1 day.");
        Check(mark is null || options.FenceTime >= mark, nameof(options.FenceTime), options.FenceTime, $"use at least one and a half times WriteTimeout ({mark}).");
        Check(
            mark is null || (mark >= WriteMark.Shortest && mark <= TimeSpan.FromDays(1)), nameof(ReadThroughOptions<>.WriteTimeout), mark / WriteMark.PerTimeout, "use 1 s to half a day.");
        Check(
            options.LockLease >= TimeSpan.FromMilliseconds(100) && options.LockLease <= TimeSpan.FromDays(1), nameof(options.LockLease), options.LockLease, "use 100 ms to 1 day.");
        Check(IsTime(options.LockWait), nameof(options.LockWait), options.LockWait, "use 10 ms to 1 day.");
        Check(options.EarlyRefresh is >= 0 and <= 100, nameof(options.EarlyRefresh), options.EarlyRefresh, "use 0 (off) to 100; 1 is a good start.");
        Check(options.LocalCapacity is >= 0 and <= 100_000_000, nameof(options.LocalCapacity), options.LocalCapacity, "use 0 (no first level) to 100,000,000.");
        Check(IsTime(options.LocalTtl), nameof(options.LocalTtl), options.LocalTtl, "use 10 ms to 1 day; LocalCapacity 0 turns the first level off.");
        Check(IsTime(options.SyncInterval), nameof(options.SyncInterval), options.SyncInterval, "use 10 ms to 1 day; 1 s is a good start.");
        Check(options.Shards is >= 1 and <= 1024, nameof(options.Shards), options.Shards, "use 1 to 1,024.");
        Check(options.SchemaVersion is >= 1 and <= ushort.MaxValue, nameof(options.SchemaVersion), options.SchemaVersion, "use 1 to 65,535.");
        Check(options.MaxPayloadBytes is >= 1 and <= 256 << 20, nameof(options.MaxPayloadBytes), options.MaxPayloadBytes, "use 1 byte to 256 MiB.");
        Check(options.Json is not null, nameof(options.Json), null, "use JsonSerializerOptions.Default or options of your own.");
        return failures;
    }
}
