using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.Buffer;

/// <summary>
/// What a writer knows about an entity, and since when. The stamp is Redis' own time and epoch, not this process' clock: a process
/// that slept, or whose clock was set, can't believe its knowledge to be younger than it is. A write is accepted only on knowledge of
/// the same epoch that is younger than a fence lasts.
/// </summary>
/// <param name="Version">The version believed to be the current one; 0 for an entity that was never written.</param>
/// <param name="KnownAt">Redis time in ms, read before whatever the knowledge came from.</param>
/// <param name="Epoch">The shard's epoch at that time.</param>
/// <param name="IsSaved">
/// Whether the database had it, as far as Redis said. A write on top of it is refused where Redis has an unsaved state by then, also one of
/// this version: somebody else may have given the row that number.
/// </param>
/// <param name="IsContested">Whether the version is that of a row that a write with the same or a smaller one was set aside for.</param>
internal readonly record struct Knowledge(long Version, long KnownAt, string Epoch, bool IsSaved = false, bool IsContested = false)
{
    /// <summary>No knowledge at all.</summary>
    public static readonly Knowledge None = new(0, 0, string.Empty);

    /// <summary>
    /// A fence and the row that was found. The fence may be ahead of the row: of a deleted one, for example. Versions only grow, so the
    /// higher counts.
    /// </summary>
    public Knowledge OnTopOf(long? stored)
        => this with { Version = Math.Max(Version, stored ?? 0), IsContested = IsContested && !(stored > Version) };
}

/// <summary>A write of this process, for the next one to go on from.</summary>
/// <param name="Known">What was written, as knowledge.</param>
/// <param name="Payload">
/// Its payload; null for a tombstone. Not the state, because callers hold that and may alter it.
/// </param>
/// <param name="IsRemembered">
/// Whether it was a while ago (<see cref="RecentWrites"/>). A write on top of it is refused unless Redis still has it.
/// </param>
internal readonly record struct LastWrite(Knowledge Known, byte[]? Payload, bool IsRemembered = false);

/// <summary>
/// What this process wrote last, of as many entities as there is room for: a change goes on from there without a look at Redis, and the
/// write script says whether it still counts. Only while Redis has it: once it is flushed, the row is what counts, which other programs
/// may have raised.
/// </summary>
internal sealed class RecentWrites(EntityTypeOptions options)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _byId = new(StringComparer.Ordinal);

    /// <summary>Those that were written longest ago come first.</summary>
    private readonly LinkedList<Entry> _order = new();
    private long _bytes;

    /// <summary>What was written last of an entity; null where it is not known.</summary>
    public LastWrite? Find(string id)
    {
        lock (_lock)
        {
            return _byId.TryGetValue(id, out var found) ? found.Value.Write : null;
        }
    }

    /// <summary>Remembers a write, or where it is none or left nothing forgets what was there.</summary>
    public void Note(string id, LastWrite? write)
    {
        if (write is not { Payload: { } payload, Known.KnownAt: > 0 } last
            || options.RecentWrites == 0 || payload.Length > options.RecentWriteBytes / 4)
        {
            Forget(id);
            return;
        }

        var entry = new Entry(id, last with { IsRemembered = true }, payload.Length);
        lock (_lock)
        {
            if (_byId.TryGetValue(id, out var node))
            {
                _bytes -= node.Value.Bytes;
                _order.Remove(node);
                node.Value = entry;
            }
            else
            {
                _byId.Add(id, node = new LinkedListNode<Entry>(entry));
            }

            _order.AddLast(node);
            _bytes += entry.Bytes;
            while (_byId.Count > options.RecentWrites || _bytes > options.RecentWriteBytes)
            {
                Remove(_order.First!);
            }
        }
    }

    /// <summary>Forgets an entity.</summary>
    public void Forget(string id)
    {
        lock (_lock)
        {
            if (_byId.TryGetValue(id, out var node))
            {
                Remove(node);
            }
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _byId.Remove(node.Value.Id);
        _order.Remove(node);
        _bytes -= node.Value.Bytes;
    }

    private readonly record struct Entry(string Id, LastWrite Write, int Bytes);
}

/// <summary>The epoch of each shard, as Redis told it last.</summary>
internal sealed class ShardEpochs(int shards)
{
    private readonly string?[] _known = new string?[shards];

    /// <summary>The epochs whose end was told.</summary>
    private readonly string?[] _told = new string?[shards];
    private readonly long[] _written = new long[shards];
    private readonly long[] _seen = new long[shards];
    private int _emptied;
    private int _wentBack;

    /// <summary>What was told last; null before the first time.</summary>
    public string? this[int shard] => Volatile.Read(ref _known[shard]);

    /// <summary>
    /// Whether a shard was seen to have come back empty since the last call: on a cluster one server may, and the others not.
    /// </summary>
    public bool TakeEmptied() => Interlocked.Exchange(ref _emptied, 0) == 1;

    /// <summary>Whether a shard was seen to have gone back to an older state since the last call.</summary>
    public bool TakeWentBack() => Interlocked.Exchange(ref _wentBack, 0) == 1;

    /// <summary>
    /// Redis time (µs) of the last write call of this process that was answered; 0 before the first. A Redis that does not know that call
    /// any more has gone back.
    /// </summary>
    public long Written(int shard) => Volatile.Read(ref _written[shard]);

    /// <summary>The latest Redis time (µs) that was told. A clock that shows less by then has stepped back.</summary>
    public long Seen(int shard) => Volatile.Read(ref _seen[shard]);

    /// <summary>
    /// What a call of a shard says so that Redis can tell whether it went back: a candidate epoch, the known one, the last write call, and
    /// the time that the clock must show.
    /// </summary>
    public RedisValue[] Hearing(int shard, FenceTimes fences)
        => [RandomToken.Next(), this[shard] ?? string.Empty, Written(shard), Seen(shard) - (long)fences.Tolerance.TotalMicroseconds];

    /// <summary>Takes note of a call's time (µs).</summary>
    public void NoteTime(int shard, long time, bool isWrite)
    {
        Volatile.Write(ref _seen[shard], time);
        if (isWrite)
        {
            Volatile.Write(ref _written[shard], time);
        }
    }

    /// <summary>
    /// Takes note that all shards came back empty and that this was told: where one server has them it is told once, and not again with
    /// each shard's first call. What was known of them stays: by that Redis hears that it lost something.
    /// </summary>
    public void NoteTold()
    {
        for (var shard = 0; shard < _known.Length; shard++)
        {
            Volatile.Write(ref _told[shard], this[shard]);
        }
    }

    /// <summary>Takes note of what Redis told, and gives it back.</summary>
    public string Note(int shard, string epoch)
    {
        if (this[shard] is { } known && known == epoch)
        {
            // One text for all that is known of the shard, instead of one for each entity.
            return known;
        }

        if (Interlocked.Exchange(ref _known[shard], epoch) is { } before && before != epoch)
        {
            // It has been noticed: nothing is to be told by what was called before.
            Volatile.Write(ref _written[shard], 0);
            if (Nonces.SuffixOf(epoch) is { Length: > 0 } generation && generation != Nonces.SuffixOf(before))
            {
                Volatile.Write(ref _wentBack, 1);
            }
            else if (!epoch.StartsWith('c') && before != Volatile.Read(ref _told[shard]))
            {
                Volatile.Write(ref _emptied, 1);
            }
        }

        return epoch;
    }
}

/// <summary>
/// What names a write: digits that nobody else has, a 0 before those of a put, and behind a dot the generation of the shard that it was
/// written in, if Redis ever went back. An entity's fence takes the name over. A filled entry has no digits; the fence of a conflict has
/// <c>!</c> and the time from which on knowledge counts again.
/// </summary>
internal static class Nonces
{
    public static string New(bool isPut, string epoch) => string.Create(
        CultureInfo.InvariantCulture, $"{(isPut ? "0" : string.Empty)}{Random.Shared.NextInt64(1, long.MaxValue)}{SuffixOf(epoch)}");

    /// <summary>Whether it is of before Redis was seen to have gone back.</summary>
    public static bool IsOld(string nonce, string epoch)
        => SuffixOf(epoch) is { Length: > 0 } suffix && !nonce.EndsWith(suffix, StringComparison.Ordinal);

    /// <summary>Whether it is that of a put. (Those of earlier releases do not say.)</summary>
    public static bool IsOfPut(string nonce) => nonce is ['0', >= '1' and <= '9', ..];

    /// <summary>Whether a write has this name: its fence says that it was settled.</summary>
    public static bool IsOfWrite(string nonce) => nonce is [>= '0' and <= '9', ..];

    /// <summary>Whether it is that of a conflict.</summary>
    public static bool IsOfConflict(string nonce) => nonce is ['!', ..];

    /// <summary>The generation with its dot; empty where Redis never went back.</summary>
    public static string SuffixOf(string epoch)
        => epoch.IndexOf('.', StringComparison.Ordinal) is >= 0 and var at ? epoch[at..] : string.Empty;
}

/// <summary>
/// The fence times of a type. Processes may differ in them while a new setting is rolled out, and Redis keeps what they are set to: fences
/// last for the longest, and knowledge counts for the shortest. So whoever writes on what it knows meets the fence of whoever wrote after
/// it.
/// </summary>
internal sealed class FenceTimes
{
    /// <summary>By how much knowledge may seem younger than it is before a clock that stepped back is noticed.</summary>
    private static readonly TimeSpan MostTolerance = TimeSpan.FromMilliseconds(500);

    private long _longest;
    private long _shortest;

    private readonly TimeSpan _tombstone;

    /// <param name="own">What this process is set to.</param>
    /// <param name="tombstone">The same for deleted entities.</param>
    public FenceTimes(TimeSpan own, TimeSpan tombstone) => (_longest, _shortest, _tombstone) = (own.Ticks, own.Ticks, tombstone);

    /// <summary>How long fences last.</summary>
    public TimeSpan Longest => TimeSpan.FromTicks(Volatile.Read(ref _longest));

    /// <summary>How long those of deleted entities do.</summary>
    public TimeSpan Tombstone => _tombstone > Longest ? _tombstone : Longest;

    /// <summary>For how long knowledge counts.</summary>
    public TimeSpan Knowledge => Shortest - Tolerance;

    /// <summary>How far Redis' clock may step back unnoticed.</summary>
    public TimeSpan Tolerance => Shortest / 10 < MostTolerance ? Shortest / 10 : MostTolerance;

    private TimeSpan Shortest => TimeSpan.FromTicks(Volatile.Read(ref _shortest));

    /// <summary>Takes note of what is recorded.</summary>
    public void Note(TimeSpan longest, TimeSpan shortest)
    {
        Volatile.Write(ref _longest, longest.Ticks);
        Volatile.Write(ref _shortest, shortest.Ticks);
    }
}
