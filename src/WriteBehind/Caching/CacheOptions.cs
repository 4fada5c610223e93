using System.Text.Json;
using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.Caching;

/// <summary>The settings of a cache. All are validated at start-up.</summary>
public class CacheOptions
{
    internal CacheOptions(string name) => Name = name;

    /// <summary>The registered name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'. Part of every Redis key.</summary>
    public string Name { get; }

    /// <summary>How long an entry is fresh after its load; default 5 min. The bound of staleness where nobody invalidates.</summary>
    public TimeSpan Ttl { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// By how much of <see cref="Ttl"/> entries expire sooner, at random; default 0.1, at most 0.9. Entries loaded together then do not
    /// expire together.
    /// </summary>
    public double Jitter { get; set; } = 0.1;

    /// <summary>
    /// How long an entry stays after its last read from Redis, up to <see cref="Ttl"/>; default null: until <see cref="Ttl"/> in any case.
    /// </summary>
    public TimeSpan? SlidingTtl { get; set; }

    /// <summary>How long "there is none" is remembered; default 30 s. 0 does not remember it, and each such read is a load.</summary>
    public TimeSpan NegativeTtl { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long after its expiry a value may still be given where a load fails, or others take longer than <see cref="LockWait"/> to load
    /// it; default 0: never. What was invalidated is never given.
    /// </summary>
    public TimeSpan MaxStale { get; set; } = TimeSpan.Zero;

    /// <summary>
    /// How long after a failed load a stale value is given without another try, and an entry is not refreshed before it expires; default 1
    /// s.
    /// </summary>
    public TimeSpan StalePause { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a load may take; default 30 s. After it, its token is cancelled and its callers get an error or a stale value.
    /// </summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How many loads of this cache may be under way in this process; default 16. It bounds the database where Redis is away. A
    /// loader that goes on after its token was cancelled is no longer counted. A loader must not load from the same cache: it would hold a
    /// slot while it waits for another, and as many of them at once as there are slots wait for each other until <see cref="LoadTimeout"/>.
    /// Let it read a second cache.</summary>
    public int MaxConcurrentLoads { get; set; } = 16;

    /// <summary>
    /// How long Redis remembers that a key was invalidated; default 1 min, more than <see cref="LoadTimeout"/>. A load that began before
    /// the invalidation is refused within it; one that began longer ago is always refused.
    /// </summary>
    public TimeSpan FenceTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether one process loads and the others wait for it; default true. Without it each process loads once.</summary>
    public bool LockAcrossProcesses { get; set; } = true;

    /// <summary>How long the lock of a loader that died holds the others up; default 5 s. A living loader renews it.</summary>
    public TimeSpan LockLease { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a process waits for another one's load before it gives a stale value or loads itself; default 10 s.</summary>
    public TimeSpan LockWait { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How eagerly an entry is refreshed before it expires: the beta of XFetch (Vattani, Chierichetti, Lowenstein: "Optimal Probabilistic
    /// Cache Stampede Prevention", VLDB 2015). Default 1, which is right where load times vary little; higher refreshes sooner, 0 never.
    /// </summary>
    public double EarlyRefresh { get; set; } = 1;

    /// <summary>
    /// How many entries the first level in this process holds; default 10,000. 0: no first level, every read that begins asks Redis.
    /// </summary>
    public int LocalCapacity { get; set; } = 10_000;

    /// <summary>How long an entry stays in the first level; default 30 s.</summary>
    public TimeSpan LocalTtl { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often a process checks that it heard of every invalidation; default 1 s. Where messages got lost, its first level is stale for
    /// at most about three times this: until the next check, until the one after it (the message may have been on its way), and once more
    /// where Redis can't be asked just then.
    /// </summary>
    public TimeSpan SyncInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Into how many hash slots the cache is spread; default 1, at most 1,024. One slot is one server: on a Redis Cluster use more, such as
    /// 16. Recorded in Redis at first use, because processes that differed would not see each other's invalidations.
    /// </summary>
    public int Shards { get; set; } = 1;

    /// <summary>
    /// The version of the values' schema, part of every entry's key; default 1, at most 65,535. Raise it by one where old values can't be
    /// read.
    /// </summary>
    public int SchemaVersion { get; set; } = 1;

    /// <summary>The longest serialised value, in bytes; default 1 MiB. A longer one is given to its callers and not cached.</summary>
    public int MaxPayloadBytes { get; set; } = 1 << 20;

    /// <summary>How values are turned into JSON and back; default <see cref="JsonSerializerOptions.Default"/>.</summary>
    public JsonSerializerOptions Json { get; set; } = JsonSerializerOptions.Default;
}

/// <summary>The settings of a read-through cache over the rows of a <typeparamref name="TState"/>.</summary>
public sealed class ReadThroughOptions<TState> : CacheOptions
    where TState : class
{
    internal ReadThroughOptions(string name)
        : base(name)
    {
    }

    /// <summary>The tags of a state, by which groups of entries are invalidated; default none. Absent rows have no tags. A row
    /// that it fails for, or gives wrong tags, is read and not cached; one that is to be written is refused.</summary>
    public Func<TState, IEnumerable<string>>? TagsOf { get; set; }

    /// <summary>
    /// How long a write-through may take at the database; default 10 s. An entry whose writer died is in doubt, and read past the cache,
    /// for one and a half times this.
    /// </summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

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
