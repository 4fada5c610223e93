using System.Text.Json;

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
