using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.Caching;

/// <summary>Checks the settings of one cache; every message names the cache, the setting, its value and the fix.</summary>
internal static class CacheOptionsValidator
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);

    public static List<string> Validate(CacheOptions options, TimeSpan? mark)
    {
        var settings = SettingsCheck.Of("cache", options.Name);
        bool IsTime(TimeSpan time, int days = 1) => time >= Shortest && time <= TimeSpan.FromDays(days);

        settings.CheckName(options.Name);
        settings.Check(IsTime(options.Ttl, 365), nameof(options.Ttl), options.Ttl, "use 10 ms to 365 days; an entry always expires.");
        settings.Check(options.Jitter is >= 0 and <= 0.9, nameof(options.Jitter), options.Jitter, "use 0 to 0.9.");
        settings.Check(
            options.SlidingTtl is null || (IsTime(options.SlidingTtl.Value, 365) && options.SlidingTtl <= options.Ttl),
            nameof(options.SlidingTtl),
            options.SlidingTtl,
            $"use null, or 10 ms up to Ttl ({options.Ttl}).");
        settings.Check(
            options.NegativeTtl == TimeSpan.Zero || (IsTime(options.NegativeTtl, 365) && options.NegativeTtl <= options.Ttl),
            nameof(options.NegativeTtl),
            options.NegativeTtl,
            $"use 0 (off), or 10 ms up to Ttl ({options.Ttl}).");
        settings.Check(
            options.MaxStale >= TimeSpan.Zero && options.MaxStale <= TimeSpan.FromDays(365),
            nameof(options.MaxStale),
            options.MaxStale,
            "use 0 (off) to 365 days.");
        settings.Check(
            options.StalePause >= TimeSpan.Zero && options.StalePause <= TimeSpan.FromDays(1),
            nameof(options.StalePause),
            options.StalePause,
            "use 0 to 1 day.");
        settings.Check(IsTime(options.LoadTimeout), nameof(options.LoadTimeout), options.LoadTimeout, "use 10 ms to 1 day.");
        settings.Check(
            options.MaxConcurrentLoads is >= 1 and <= 10_000,
            nameof(options.MaxConcurrentLoads),
            options.MaxConcurrentLoads,
            "use 1 to 10,000.");
        settings.Check(
            options.FenceTime > options.LoadTimeout && options.FenceTime <= TimeSpan.FromDays(1),
            nameof(options.FenceTime),
            options.FenceTime,
            $"use more than LoadTimeout ({options.LoadTimeout}), up to 1 day.");
        settings.Check(
            mark is null || options.FenceTime >= mark,
            nameof(options.FenceTime),
            options.FenceTime,
            $"use at least one and a half times WriteTimeout ({mark}).");
        settings.Check(
            mark is null || (mark >= WriteMark.Shortest && mark <= TimeSpan.FromDays(1)),
            nameof(ReadThroughOptions<>.WriteTimeout),
            mark / WriteMark.PerTimeout,
            "use 1 s to half a day.");
        settings.Check(
            options.LockLease >= TimeSpan.FromMilliseconds(100) && options.LockLease <= TimeSpan.FromDays(1),
            nameof(options.LockLease),
            options.LockLease,
            "use 100 ms to 1 day.");
        settings.Check(IsTime(options.LockWait), nameof(options.LockWait), options.LockWait, "use 10 ms to 1 day.");
        settings.Check(
            options.EarlyRefresh is >= 0 and <= 100,
            nameof(options.EarlyRefresh),
            options.EarlyRefresh,
            "use 0 (off) to 100; 1 is a good start.");
        settings.Check(
            options.LocalCapacity is >= 0 and <= 100_000_000,
            nameof(options.LocalCapacity),
            options.LocalCapacity,
            "use 0 (no first level) to 100,000,000.");
        settings.Check(
            IsTime(options.LocalTtl),
            nameof(options.LocalTtl),
            options.LocalTtl,
            "use 10 ms to 1 day; LocalCapacity 0 turns the first level off.");
        settings.Check(
            IsTime(options.SyncInterval), nameof(options.SyncInterval), options.SyncInterval, "use 10 ms to 1 day; 1 s is a good start.");
        settings.Check(options.Shards is >= 1 and <= 1024, nameof(options.Shards), options.Shards, "use 1 to 1,024.");
        settings.Check(
            options.SchemaVersion is >= 1 and <= ushort.MaxValue, nameof(options.SchemaVersion), options.SchemaVersion, "use 1 to 65,535.");
        settings.Check(
            options.MaxPayloadBytes is >= 1 and <= 256 << 20,
            nameof(options.MaxPayloadBytes),
            options.MaxPayloadBytes,
            "use 1 byte to 256 MiB.");
        settings.Check(options.Json is not null, nameof(options.Json), null, "use JsonSerializerOptions.Default or options of your own.");
        return settings.Failures;
    }
}

/// <summary>Checks the settings of all caches.</summary>
internal sealed class CachesValidator(IEnumerable<ICacheRegistration> caches, IEnumerable<EntityTypeOptions> entities)
    : IValidateOptions<WriteBehindOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        EntityTypeOptions[] types = [.. entities];
        string[] failures =
        [
            .. SettingsCheck.Twice("cache", caches.Select(static cache => cache.Options.Name)),
            .. caches.SelectMany(cache => cache.Validate(types)),
        ];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}

/// <summary>The registration of a cache.</summary>
internal sealed class CacheRegistration(CacheOptions options) : ICacheRegistration
{
    public CacheOptions Options => options;

    public IEnumerable<string> Validate(IReadOnlyCollection<EntityTypeOptions> entities)
        => CacheOptionsValidator.Validate(options, mark: null);
}

/// <summary>A cache as it was registered, for validation.</summary>
internal interface ICacheRegistration
{
    CacheOptions Options { get; }

    /// <summary>Everything that is wrong with it.</summary>
    IEnumerable<string> Validate(IReadOnlyCollection<EntityTypeOptions> entities);
}

/// <summary>The registration of a read-through cache.</summary>
internal sealed class ReadThroughRegistration<TState>(ReadThroughOptions<TState> options) : ICacheRegistration
    where TState : class
{
    public CacheOptions Options => options;

    public IEnumerable<string> Validate(IReadOnlyCollection<EntityTypeOptions> entities)
    {
        foreach (var failure in CacheOptionsValidator.Validate(options, WriteMark.LifeOf(options.WriteTimeout)))
        {
            yield return failure;
        }

        // Its latest state is in Redis before it is in the table: a copy of the row would hide a buffered write.
        if (entities.FirstOrDefault(static entity => entity.StateType == typeof(TState)) is { } buffered)
        {
            yield return $"The cache '{options.Name}' is over {typeof(TState).Name}, which is written behind as '{buffered.Type}': its " +
                $"rows lag behind, and a copy would hide acknowledged writes. Read it through IEntityStore<{typeof(TState).Name}>, whose " +
                "states are in Redis already, and set AfterFlush.Keep to have them there after the flush too.";
        }
    }
}

/// <summary>How long an entry is marked as in doubt, from how long its write may take at the database.</summary>
internal static class WriteMark
{
    /// <summary>The mark outlasts the write by half: for the deadline's margin, the commit, and the way back.</summary>
    public const double PerTimeout = 1.5;

    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1.5);

    public static TimeSpan LifeOf(TimeSpan writeTimeout) => writeTimeout * PerTimeout;
}
