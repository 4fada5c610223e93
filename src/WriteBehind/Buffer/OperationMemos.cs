using System.Buffers.Binary;
using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// What Redis remembers of operations: a memo for each, written in the same step as the state that it changed, so that a repeat is answered
/// from it and changes nothing. Memos outlive flush, removal and delete.
/// </summary>
/// <remarks>
/// <para>The memos of an entity are one hash. Once half as many as may be are in it, it becomes the older of two and a new one is begun;
/// the older one before it goes. So the oldest go first, in one step whatever their number. The hash has a head: how many are in it, the
/// latest time among them, the latest time among those that were dropped, whether there is an older one, and when the entity was
/// last entered in the shard's register. By that the entities that are longest without an operation are dropped where the shard has too
/// many memos.</para>
/// <para>What is dropped leaves a floor behind, of the entity or of the shard. An operation without a memo is new only where it is younger
/// than the floors, than <see cref="EntityTypeOptions.OperationTime"/>, and than the shard's epoch.</para>
/// </remarks>
internal sealed class OperationMemos(RedisConnections redis, EntityTypeOptions options, KeyLayout keys)
{
    private const int MostTrimmed = 64;

    /// <summary>How much longer than memos count their keys last at least, where nobody trims them.</summary>
    private static readonly TimeSpan Spare = TimeSpan.FromDays(1);

    private readonly int[] _trimming = new int[options.Shards];
    private int _isUsed = 1;

    /// <summary>The most memos of a shard.</summary>
    private long PerShard => Math.Max(4, options.MaxOperations / options.Shards);

    /// <summary>The most memos in the newer or the older hash of an entity, and so in one write.</summary>
    public int PerWrite => (int)Math.Clamp(Math.Min(options.MaxOperationsPerEntity, PerShard / 2) / 2, 1, 1024 * 1024);

    /// <summary>What a write call says of them: for how long they count (ms), the bounds, and how long keys last (ms).</summary>
    public RedisValue[] Terms =>
    [
        (long)options.OperationTime.TotalMilliseconds,
        PerWrite,
        PerShard,
        (long)(options.OperationTime + Spare).TotalMilliseconds,
    ];

    /// <summary>Memos are written from now on, so old ones are to be taken away.</summary>
    public void NoteUse() => Volatile.Write(ref _isUsed, 1);

    /// <summary>What is known of operations, in their order.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task<MemoReply[]> FindAsync(string id, IReadOnlyList<OperationKey> operations, CancellationToken cancellationToken)
    {
        var shard = keys[keys.ShardOf(id)];
        var arguments = new RedisValue[1 + (2 * operations.Count)];
        arguments[0] = (long)options.OperationTime.TotalMilliseconds;
        for (var i = 0; i < operations.Count; i++)
        {
            (arguments[1 + (2 * i)], arguments[2 + (2 * i)]) = (operations[i].Text, operations[i].Time);
        }

        var reply = await OperationScripts.Find.RunAsync(
            redis, [shard.Epoch, shard.Tally, shard.Memos(id), shard.OlderMemos(id)], arguments, cancellationToken).ConfigureAwait(false);
        var found = new MemoReply[operations.Count];
        for (var i = 0; i < found.Length; i++)
        {
            var status = reply.NextText();
            found[i] = new MemoReply(status, status == MemoReply.KnownStatus ? OperationMemo.Read(reply.NextBytesOrNone() ?? []) : null);
        }

        return found;
    }

    /// <summary>Takes away what is too old to count, in all shards.</summary>
    public async Task TrimAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isUsed, 0) == 0)
        {
            return;
        }

        for (var shard = 0; shard < keys.Shards; shard++)
        {
            if (await TrimAsync(shard, cancellationToken).ConfigureAwait(false))
            {
                NoteUse();
            }
        }
    }

    /// <summary>Takes away what is too old or too much in a shard, the oldest first; false where nothing is there at all.</summary>
    public async Task<bool> TrimAsync(int shard, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _trimming[shard], 1) == 1)
        {
            return true;
        }

        try
        {
            while (true)
            {
                var entries = await redis.RunAsync(
                    database => database.SortedSetRangeByRankWithScoresAsync(
                        keys[shard].Register, 0, MostTrimmed - 1, flags: CommandFlags.DemandMaster),
                    cancellationToken).ConfigureAwait(false);
                if (entries.Length == 0)
                {
                    return false;
                }

                if (await TrimAsync(keys[shard], entries, cancellationToken).ConfigureAwait(false) < MostTrimmed)
                {
                    return true;
                }
            }
        }
        finally
        {
            Volatile.Write(ref _trimming[shard], 0);
        }
    }

    private async Task<int> TrimAsync(ShardKeys shard, SortedSetEntry[] entries, CancellationToken cancellationToken)
    {
        List<RedisKey> touched = [shard.Register, shard.Tally];

        // A little later than they stop counting: what is entered in the register may be younger than it says there.
        List<RedisValue> arguments = [(long)(options.OperationTime + (3 * OperationKey.Tolerance)).TotalMilliseconds, PerShard * 9 / 10];
        foreach (var entry in entries)
        {
            var id = (string)entry.Element!;
            touched.AddRange([shard.Memos(id), shard.OlderMemos(id)]);
            arguments.AddRange([id, entry.Score.ToString("R", CultureInfo.InvariantCulture)]);
        }

        var reply = await OperationScripts.Trim.RunAsync(redis, [.. touched], [.. arguments], cancellationToken).ConfigureAwait(false);
        return reply.NextInt();
    }
}

/// <summary>What is kept of an operation that took effect.</summary>
/// <param name="Version">The version of its change.</param>
/// <param name="Result">Its result; null where none was recorded.</param>
internal sealed record OperationMemo(long Version, ReadOnlyMemory<byte>? Result)
{
    private const int HeadLength = 9;

    /// <summary>Bytes: whether there is a result, the version (little-endian), the result.</summary>
    public byte[] Write()
    {
        var bytes = new byte[HeadLength + (Result?.Length ?? 0)];
        bytes[0] = Result is null ? (byte)0 : (byte)1;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(1), Version);
        Result?.Span.CopyTo(bytes.AsSpan(HeadLength));
        return bytes;
    }

    public static OperationMemo Read(byte[] bytes) => bytes.Length < HeadLength
        ? new(0, null)
        : new(BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(1)), bytes[0] == 0 ? null : bytes.AsMemory(HeadLength));
}

/// <summary>An operation as it goes with a write.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Memo">What is to be kept of it.</param>
internal readonly record struct PendingMemo(OperationKey Key, OperationMemo Memo);

/// <summary>What is known of an operation.</summary>
/// <param name="Status">In one word of the script.</param>
/// <param name="Memo">Its memo; null where there is none.</param>
internal readonly record struct MemoReply(string Status, OperationMemo? Memo)
{
    public const string KnownStatus = "known";
    private const string NewStatus = "new";

    /// <summary>Whether it has not taken effect.</summary>
    public bool IsNew => Status == NewStatus;

    /// <summary>Why it can't be carried out, where it is neither known nor new.</summary>
    public WriteBehindException Error(string type, string id, OperationKey key) => Status switch
    {
        "ahead" => new InvalidOperationIdException(
            type, id, key.Text, $"its time is more than {OperationKey.Tolerance.TotalSeconds:0} s ahead of Redis' clock. Set the clocks."),
        "expired" => new OperationForgottenException(type, id, key.Text, OperationDoubt.Expired),
        "dropped" => new OperationForgottenException(type, id, key.Text, OperationDoubt.Dropped),
        _ => new OperationForgottenException(type, id, key.Text, OperationDoubt.RedisLost),
    };
}

/// <summary>What scripts know of memos.</summary>
internal static class OperationLua
{
    /// <summary><c>head</c> and <c>doubt</c>, for all of them.</summary>
    public const string Text = """
        -- Of a hash of memos: how many, the latest time, the floor, whether there is an older hash, when it was entered in the register.
        local function head(text)
          local n, m, f, p, s = string.match(text or '', '^(%d+)|(%d+)|(%d+)|(%d)|(%d+)$')
          return tonumber(n or 0), tonumber(m or 0), tonumber(f or 0), tonumber(p or 0), tonumber(s or 0)
        end
        -- Why an operation without a memo may not be taken for a new one; nil where it may.
        local function doubt(at, now, oldest, begin, floor)
          if at > now + 5000 then return 'ahead' end
          if at < oldest then return 'expired' end
          if at < begin then return 'lost' end
          if at <= floor then return 'dropped' end
        end

        """;

    /// <summary>
    /// <c>memos</c>, <c>fresh</c> and <c>record</c>, for the write script. An operation is three arguments: name, time, memo; <c>at</c> is
    /// the place before the first.
    /// </summary>
    public const string OfWrites = """
        local function memos(newer, older, at, count)
          local fields = { 'h' }
          for o = 1, count do fields[o + 1] = ARGV[at + 3 * o - 2] end
          local found = redis.pcall('HMGET', newer, unpack(fields))
          if found.err then return found end
          local n, m, f, p, s = head(found[1])
          found.head = { n, m, f, p, s }
          if p == 1 then
            local more = redis.call('HMGET', older, unpack(fields))
            found.older = more[1]
            for o = 2, count + 1 do found[o] = found[o] or more[o] end
          end
          return found
        end
        local function fresh(found, at, count, now, oldest, begin, floor)
          floor = math.max(floor, found.head[3])
          for o = 1, count do
            if found[o + 1] or doubt(tonumber(ARGV[at + 3 * o - 1]), now, oldest, begin, floor) then return false end
          end
          return true
        end
        -- Returns by how many there are more.
        local function record(found, newer, older, register, id, at, count, now, most, ttl)
          local n, m, f, p, s = unpack(found.head)
          local grown = count
          if n > 0 and n + count > most then
            if p == 1 then
              local gone, latest = head(found.older)
              f, grown = math.max(f, latest), grown - gone
              redis.call('UNLINK', older)
            end
            redis.call('RENAME', newer, older)
            n, m, p, s = 0, 0, 1, 0
          end
          local fields = { 'h', '' }
          for o = 1, count do
            local last = at + 3 * o
            fields[2 * o + 1], fields[2 * o + 2] = ARGV[last - 2], ARGV[last]
            m = math.max(m, tonumber(ARGV[last - 1]))
          end
          -- Entered anew every five seconds only: one command less for what is written often.
          local enter = now - s > 5000 or s > now
          if enter then s = now end
          fields[2] = string.format('%.0f|%.0f|%.0f|%d|%.0f', n + count, m, f, p, s)
          redis.call('HSET', newer, unpack(fields))
          if enter then
            redis.call('ZADD', register, now, id)
            redis.call('PEXPIRE', newer, ttl)
            if p == 1 then redis.call('PEXPIRE', older, ttl) end
          end
          return grown
        end

        """;

    /// <summary>
    /// Whether all operations of an entity are new. After the check of the version: a write that is behind learns of it as it looks again.
    /// Before that of the bound: a repeat needs no room.
    /// </summary>
    public const string OfEntity = """
        local ops, found = tonumber(ARGV[arg + 6]), nil
        if status == 'ok' and ops > 0 then
          found = memos(KEYS[key + 3], KEYS[key + 4], arg + 6, ops)
          floor = floor or tonumber(redis.call('HGET', tally, 'f') or 0)
          if found.err then
            status, detail = 'error', found.err
          elseif not fresh(found, arg + 6, ops, now, now - tonumber(ARGV[5]), since(epoch), floor) then
            status = 'known'
          end
        end
        """;

    public const string OfSection = """
        if grown ~= 0 and redis.call('HINCRBY', tally, 'n', grown) > tonumber(ARGV[7]) then
          local last = #refused
          refused[last + 1], refused[last + 2], refused[last + 3], refused[last + 4] = place - 1, 'crowded', '0', ''
        end
        """;
}

/// <summary>Looks operations up, and takes memos away.</summary>
internal static class OperationScripts
{
    /// <summary>
    /// KEYS: epoch, tally, the entity's memos and the older ones. ARGV: for how long memos count in ms, then name and time of each
    /// operation. Returns of each: known and its memo, new, or why that can't be said.
    /// </summary>
    public static readonly RedisScript Find = new(EpochLua.Text, OperationLua.Text, """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local epoch = redis.call('GET', KEYS[1])
        local begin = epoch and since(epoch) or math.huge
        local _, _, floor, p = head(redis.call('HGET', KEYS[3], 'h'))
        floor = math.max(floor, tonumber(redis.call('HGET', KEYS[2], 'f') or 0))
        local out = {}
        for i = 2, #ARGV, 2 do
          local at = tonumber(ARGV[i + 1])
          local why = doubt(at, now, now - tonumber(ARGV[1]), begin, floor)
          local memo = why ~= 'expired' and (redis.call('HGET', KEYS[3], ARGV[i]) or p == 1 and redis.call('HGET', KEYS[4], ARGV[i]))
          if memo then
            out[#out + 1], out[#out + 2] = 'known', memo
          else
            out[#out + 1] = why or 'new'
          end
        end
        return out
        """);

    /// <summary>
    /// KEYS: register, tally, then the memos and the older ones of each entity. ARGV: the age from which on an entity goes in any case
    /// (ms), how many memos may be left in the shard, then id and time in the register of each entity, the oldest first. Returns how many
    /// went.
    /// </summary>
    public static readonly RedisScript Trim = new(OperationLua.Text, """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local tally = redis.call('HMGET', KEYS[2], 'n', 'f')
        local left, floor, went = tonumber(tally[1] or 0), tonumber(tally[2] or 0), 0
        for i = 1, (#ARGV - 2) / 2 do
          local id, entered = ARGV[2 * i + 1], tonumber(ARGV[2 * i + 2])
          local stored = redis.call('ZSCORE', KEYS[1], id)
          if stored and tonumber(stored) == entered and (now - entered > tonumber(ARGV[1]) or left > tonumber(ARGV[2])) then
            for k = 2 * i + 1, 2 * i + 2 do
              local n, latest = head(redis.call('HGET', KEYS[k], 'h'))
              left, floor = left - n, math.max(floor, latest)
              redis.call('UNLINK', KEYS[k])
            end
            redis.call('ZREM', KEYS[1], id)
            went = went + 1
          end
        end
        -- Keys may have gone by themselves, after a day in which nobody trimmed.
        if redis.call('EXISTS', KEYS[1]) == 0 then left = 0 end
        if went > 0 then redis.call('HSET', KEYS[2], 'n', string.format('%.0f', left), 'f', string.format('%.0f', floor)) end
        return went
        """);
}
