using System.Buffers.Text;
using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Caching;

/// <summary>
/// The entries of one cache: every operation of the caches' protocol. In Redis, which all processes share; in tests without servers in
/// memory.
/// </summary>
internal interface ICacheStore
{
    string Name { get; }

    /// <summary>Whether Redis is passed by for a key at the moment, since it did not answer.</summary>
    bool IsAway(string key);

    /// <summary>
    /// Reads what is fresh, in the order of the keys. The others are unknown, as is what can't be told by its content alone, and all of a
    /// shard that is away.
    /// </summary>
    Task<StoredEntry[]> ReadFreshAsync(List<string> keys);

    /// <summary>Reads entries, in the order of the requests, and takes locks. Null where Redis is away.</summary>
    Task<StoredEntry?[]> ReadAsync(IEnumerable<EntryRequest> requests);

    /// <summary>The same for a single one.</summary>
    ValueTask<StoredEntry?> ReadAsync(EntryRequest request);

    /// <summary>Stores what was loaded, each unless something newer is known, and frees the locks. Null where Redis is away.</summary>
    Task<bool?[]> FillAsync(IReadOnlyList<EntryFill> fills);

    /// <summary>Makes the leases of locks last.</summary>
    Task RenewAsync(IReadOnlyList<HeldLock> locks, CancellationToken cancellationToken);

    /// <summary>
    /// Frees the locks of loads that failed, and has what is there given without another try for a while. Where Redis is away, they end
    /// with their lease.
    /// </summary>
    Task ReleaseAsync(IReadOnlyList<HeldLock> locks, TimeSpan pause);

    Task InvalidateKeysAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken);

    Task InvalidateTagsAsync(IReadOnlyCollection<string> tags, CancellationToken cancellationToken);

    Task InvalidateAllAsync(CancellationToken cancellationToken);

    /// <summary>Marks an entry as in doubt before its row is written; returns the mark's stamp.</summary>
    Task<long> MarkAsync(string key, string token, TimeSpan life, CancellationToken cancellationToken);

    /// <summary>Takes the mark away; with a fill, stores it where this write was alone.</summary>
    Task CompleteAsync(string key, string token, long stamp, EntryFill? fill);

    /// <summary>Takes the lease of whoever feeds this cache from outside, or makes it last; with 0 gives it back.</summary>
    Task<bool> LeadAsync(TimeSpan lease, CancellationToken cancellationToken);
}

/// <summary>An entry as Redis has it.</summary>
/// <param name="Status">What it is good for.</param>
/// <param name="Locked">Whether the reader holds the lock now and is to load.</param>
/// <param name="Payload">The payload; null where there is none, or the value is known to be absent.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="Left">How long it is fresh.</param>
/// <param name="LoadTime">How long its load took.</param>
/// <param name="Tags">Its tags.</param>
/// <param name="Stamp">The stamp for a load that begins now; 0 where none was given.</param>
/// <param name="LoadStamp">The stamp of the load that made it.</param>
internal readonly record struct StoredEntry(
    EntryStatus Status,
    bool Locked,
    ReadOnlyMemory<byte>? Payload,
    long? Version,
    TimeSpan Left,
    TimeSpan LoadTime,
    string[] Tags,
    long Stamp,
    long LoadStamp)
{
    /// <summary>What is known where Redis can't be asked.</summary>
    public static readonly StoredEntry Unknown = new(EntryStatus.Miss, false, null, null, TimeSpan.Zero, TimeSpan.Zero, [], 0, 0);

    /// <summary>An entry that is known to be fresh by its content.</summary>
    public static StoredEntry Fresh(in EntryContent content, long now) => new(
        EntryStatus.Hit,
        false,
        content.Payload,
        content.Version,
        TimeSpan.FromMicroseconds(content.Expiry - now),
        TimeSpan.FromMilliseconds(content.LoadTime),
        [],
        0,
        content.Stamp);

    /// <summary>An entry as <see cref="ReadEntriesScript"/> gives it.</summary>
    /// <param name="content">Its content.</param>
    /// <param name="text">The rest.</param>
    /// <param name="now">Redis time in µs.</param>
    /// <param name="stamp">The stamp for loads that begin now.</param>
    public static StoredEntry Read(byte[]? content, ReadOnlySpan<char> text, long now, long stamp)
    {
        var status = text[0] switch
        {
            'h' => EntryStatus.Hit,
            's' => EntryStatus.Stale,
            'p' => EntryStatus.Paused,
            'm' => EntryStatus.Miss,
            'd' => EntryStatus.Doubt,
            'u' => EntryStatus.Unexpected,
            var other => throw new InvalidOperationException($"The read script answered '{other}'."),
        };
        var isLocked = text[1] == '1';
        if (text.Length == 2)
        {
            return Unknown with { Status = status, Locked = isLocked, Stamp = stamp };
        }

        if (!EntryContent.TryRead(content, out var stored))
        {
            return Unknown with { Status = EntryStatus.Unexpected, Locked = isLocked, Stamp = stamp };
        }

        var end = text.IndexOf('\n');
        var tags = text[(end + 1)..];
        var left = text[2..end];
        var expiry = Next(ref left);
        var loadTime = Next(ref left);
        var loadStamp = Next(ref left);
        return new StoredEntry(
            status,
            isLocked,
            stored.Payload,
            left.IsEmpty ? null : long.Parse(left, CultureInfo.InvariantCulture),
            status == EntryStatus.Hit ? TimeSpan.FromMicroseconds(long.Parse(expiry, CultureInfo.InvariantCulture) - now) : TimeSpan.Zero,
            TimeSpan.FromMilliseconds(double.Parse(loadTime, CultureInfo.InvariantCulture)),
            tags.IsEmpty ? [] : TagText.Split(tags.ToString()),
            stamp,
            long.Parse(loadStamp, CultureInfo.InvariantCulture));

        static ReadOnlySpan<char> Next(ref ReadOnlySpan<char> left)
        {
            var end = left.IndexOf(' ');
            var next = left[..end];
            left = left[(end + 1)..];
            return next;
        }
    }
}

/// <summary>
/// The content of an entry: a letter (<c>p</c> it has a payload, <c>n</c> it is known to be absent; capital where it has tags), then stamp,
/// expiry (µs), load time (ms) and version with blanks between, and on the next line the payload.
/// </summary>
/// <param name="Stamp">The stamp of the load that made it.</param>
/// <param name="Expiry">When it expires, in Redis time (µs), unless it slides.</param>
/// <param name="LoadTime">How long its load took.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="IsTagged">Whether it has tags, which only <see cref="ReadEntriesScript"/> knows.</param>
/// <param name="Payload">The payload; null where the value is known to be absent.</param>
internal readonly record struct EntryContent(
    long Stamp, long Expiry, double LoadTime, long? Version, bool IsTagged, ReadOnlyMemory<byte>? Payload)
{
    /// <summary>The content; false where there is none, or it is not this library's.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> content, out EntryContent entry)
    {
        entry = default;
        var text = content.Span;
        var end = text.IndexOf((byte)'\n');
        if (end < 0 || "pnPN".IndexOf((char)text[0], StringComparison.Ordinal) is var kind && kind < 0)
        {
            return false;
        }

        var left = text[1..end];
        if (!TryNext(ref left, out long stamp)
            || !TryNext(ref left, out long expiry) || expiry >= TimeSpan.MaxValue.TotalMicroseconds
            || !Utf8Parser.TryParse(left, out double loadTime, out var read) || loadTime is not (>= 0 and < int.MaxValue)
            || read >= left.Length)
        {
            return false;
        }

        left = left[(read + 1)..];
        long version = 0;
        if (!left.IsEmpty && (!Utf8Parser.TryParse(left, out version, out read) || read != left.Length))
        {
            return false;
        }

        ReadOnlyMemory<byte>? payload = kind % 2 == 0 ? content[(end + 1)..] : (ReadOnlyMemory<byte>?)null;
        entry = new EntryContent(stamp, expiry, loadTime, left.IsEmpty ? null : version, kind > 1, payload);
        return true;

        static bool TryNext(ref ReadOnlySpan<byte> left, out long number)
        {
            var isRead = Utf8Parser.TryParse(left, out number, out var read) && read < left.Length && left[read] == ' ';
            left = isRead ? left[(read + 1)..] : left;
            return isRead;
        }
    }
}

/// <summary>Reads what is fresh, by its content alone, which is cheaper for Redis than a script. The others are unknown.</summary>
internal sealed class FreshReads(RedisConnections redis, CacheOptions options)
{
    /// <summary>How many reads are left to the script at once after one that met tags.</summary>
    private const int TaggedFor = 64;

    private int _tagged;

    /// <summary>
    /// Two commands that go together, contents first: what is invalidated between them shows in the second, by the namespace's stamp, or
    /// came after the read. Neither takes a lock or a stamp, and what slides or has tags is judged by the script alone.
    /// </summary>
    public async Task<StoredEntry[]> ReadAsync(CacheShardKeys shard, string[] names)
    {
        var entries = new StoredEntry[names.Length];
        Array.Fill(entries, StoredEntry.Unknown);
        if (options.SlidingTtl is not null || (Volatile.Read(ref _tagged) > 0 && Interlocked.Decrement(ref _tagged) >= 0))
        {
            return entries;
        }

        var database = await redis.SharedAsync(CancellationToken.None).ConfigureAwait(false);
        var keys = new RedisKey[names.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = shard.Content(names[i]);
        }

        var reading = redis.RunOnAsync(
            database, static (db, keys) => db.StringGetAsync(keys, CommandFlags.DemandMaster), keys, CancellationToken.None);
        var judging = FreshScript.Script.RunOnAsync(
            redis, database, [shard.Control, shard.Tags], [], CancellationToken.None);
        await Task.WhenAll(reading, judging).ConfigureAwait(false);
        var (contents, reply) = (await reading.ConfigureAwait(false), await judging.ConfigureAwait(false));
        var now = reply.NextLong();
        if (!long.TryParse(reply.NextTextOrNone(), CultureInfo.InvariantCulture, out var floor))
        {
            return entries;
        }

        for (var i = 0; i < entries.Length; i++)
        {
            if (!EntryContent.TryRead(contents[i], out var content))
            {
                continue;
            }

            if (content.IsTagged)
            {
                Volatile.Write(ref _tagged, TaggedFor);
            }
            else if (content.Stamp > floor && content.Expiry > now)
            {
                entries[i] = StoredEntry.Fresh(content, now);
            }
        }

        return entries;
    }
}

/// <summary>
/// XFetch (A. Vattani, F. Chierichetti, K. Lowenstein: "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015): each read of a
/// fresh entry may decide to load it anew, the likelier the nearer its expiry and the longer its load took. Then it rarely expires under
/// load, and nobody has to wait. The exponential distribution is what makes it optimal: nothing needs to be known of how often the entry is
/// read.
/// </summary>
internal static class EarlyExpiration
{
    /// <param name="left">How long the entry is still fresh.</param>
    /// <param name="loadTime">How long its last load took (delta).</param>
    /// <param name="beta">Above 1 sooner, below 1 later; 0 never.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    public static bool IsDue(TimeSpan left, TimeSpan loadTime, double beta, double random)
        => beta > 0 && loadTime > TimeSpan.Zero && -loadTime.TotalSeconds * beta * Math.Log(1 - random) >= left.TotalSeconds;
}

/// <summary>What was loaded, on its way into Redis.</summary>
/// <param name="Key">The key.</param>
/// <param name="Stamp">The stamp taken before the load.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="Ttl">How long it is fresh, with jitter.</param>
/// <param name="Payload">The payload; null where the value is absent.</param>
/// <param name="LoadTime">How long the load took.</param>
/// <param name="Tags">Its tags.</param>
internal sealed record EntryFill(
    string Key, long Stamp, long? Version, TimeSpan Ttl, byte[]? Payload, TimeSpan LoadTime, IReadOnlyCollection<string> Tags);

/// <summary>A read of one entry.</summary>
/// <param name="Key">The key.</param>
/// <param name="Mode">What the read is for.</param>
/// <param name="Known">The stamp of the load that made the entry as the reader knows it: a refresh is not needed where there is a newer
/// one.</param>
internal readonly record struct EntryRequest(string Key, ReadMode Mode, long Known);

/// <summary>What Redis has for a key.</summary>
internal enum EntryStatus
{
    /// <summary>Nothing that may be used.</summary>
    Miss,

    /// <summary>A fresh value, or the knowledge that there is none.</summary>
    Hit,

    /// <summary>A value that has expired and may be given where no better one can be had.</summary>
    Stale,

    /// <summary>The same, shortly after a load failed: it is given without another try.</summary>
    Paused,

    /// <summary>A write-through of it is under way, or its writer died: the database must be asked, and nothing be stored.</summary>
    Doubt,

    /// <summary>
    /// The key holds something that this library did not write. Reads and loads pass it by; a removal of the key deletes it.
    /// </summary>
    Unexpected,
}

/// <summary>The lock of an entry, held by a load of this process.</summary>
/// <param name="Key">The key of the entry.</param>
/// <param name="Stamp">The stamp of the load: together with the process it is the owner.</param>
internal readonly record struct HeldLock(string Key, long Stamp);

/// <summary>What an entry is read for.</summary>
internal enum ReadMode
{
    /// <summary>To have its value; where there is none, to load it, with the lock.</summary>
    Get,

    /// <summary>The same without a lock.</summary>
    Look,

    /// <summary>To load it anew though it is fresh, if nobody else does or has done so, and no load of it has just failed.</summary>
    Refresh,
}

/// <summary>Tags as one text, as entries keep them.</summary>
internal static class TagText
{
    private const char Separator = '\n';
    private const int MaxLength = 256;

    public static string Join(IReadOnlyCollection<string>? tags)
        => tags is null or { Count: 0 } ? string.Empty : string.Join(Separator, tags);

    public static string[] Split(string? text) => string.IsNullOrEmpty(text) ? [] : text.Split(Separator);

    /// <exception cref="ArgumentException">One of them can be no tag.</exception>
    public static void Check(IEnumerable<string> tags)
    {
        foreach (var tag in tags)
        {
            if (string.IsNullOrEmpty(tag) || tag.Length > MaxLength || tag.Contains(Separator, StringComparison.Ordinal))
            {
                throw new ArgumentException(
                    $"'{tag}' is not a valid tag: use 1 to {MaxLength} characters without line breaks.", nameof(tags));
            }
        }
    }
}
