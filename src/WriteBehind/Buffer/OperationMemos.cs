using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// What Redis remembers of operations: a memo for each, written in the same step as the state that it changed, so that a repeat is answered
/// from it and changes nothing. Memos outlive flush, removal and delete.
/// </summary>
/// <remarks>
/// <para>The memos of a shard are in a book: two hashes, of which the newer one is written. Once that is full, or was begun longer ago than
/// memos last, the older one goes and the newer one takes its place. So the oldest go first, in one step whatever their number, and a
/// memo costs a field of a hash that the writes of a whole call share: one look-up and one write for all operations of a shard. Into the
/// older one a look is needed only for operations of its time.</para>
/// <para>What goes leaves a floor behind: the latest time of an operation that was in it. An operation without a memo is new only
/// where it is younger than the floor, than <see cref="EntityTypeOptions.OperationTime"/>, and than the shard's epoch.</para>
/// <para>One busy entity must not make the shard forget the others' operations. So those of an entity are counted (where it may have
/// many, one of them for many others), and one that has more than an eighth of what it may have in the newer hash gets a book of its own,
/// as long as one of the shard's two is free. Where none is, the shard's book is turned over sooner, so that the bound of an entity
/// holds.</para>
/// </remarks>
internal sealed class OperationMemos(RedisConnections redis, EntityTypeOptions options, KeyLayout keys)
{
    /// <summary>Books for busy entities in a shard. The scripts have their number, too.</summary>
    private const int Slots = 2;

    /// <summary>For how long calls bring all keys of memos, once one of them was needed.</summary>
    private static readonly TimeSpan WholeFor = TimeSpan.FromSeconds(20);

    /// <summary>By shard; for ever before its first call was answered: what is there is not known then.</summary>
    private readonly long[] _wholeUntil = [.. Enumerable.Repeat(long.MaxValue, options.Shards)];

    /// <summary>The most memos of a shard.</summary>
    private long PerShard => Math.Max(4, options.MaxOperations / options.Shards);

    /// <summary>The most memos of an entity.</summary>
    private long PerEntity => Math.Max(2, Math.Min(options.MaxOperationsPerEntity, PerShard / 2));

    /// <summary>The most memos in either hash of a busy entity's book; 0 where a shard is too small for such books.</summary>
    private long PerSlot => PerShard < 64 ? 0 : Math.Max(1, PerEntity * 5 / 16);

    /// <summary>The most memos in either hash of a shard's book.</summary>
    private long PerBook => Math.Max(1, (PerShard - (2 * Slots * PerSlot)) / 2);

    /// <summary>One operation of so many is counted, as so many: of an entity that may have many.</summary>
    private long Sample => Math.Max(1, PerEntity / 256);

    /// <summary>The most operations in one write.</summary>
    public int PerWrite => (int)Math.Clamp(PerEntity / 4, 1, 1024 * 1024);

    /// <summary>What a write call says of them.</summary>
    public RedisValue[] Terms =>
    [
        (long)options.OperationTime.TotalMilliseconds,
        Lasting,
        PerBook,
        PerSlot,
        Math.Max(PerEntity / 8, 1),
    ];

    /// <summary>For how long a hash is written (ms): what is last written there lasts as long after, whatever the caller's clock.</summary>
    private long Lasting => (long)(options.OperationTime + OperationKey.Tolerance + TimeSpan.FromSeconds(1)).TotalMilliseconds;

    /// <summary>Whether the next call brings all keys of a shard's memos; the newer hash is enough as a rule.</summary>
    public bool IsWhole(int shard) => Volatile.Read(ref _wholeUntil[shard]) > Environment.TickCount64;

    /// <summary>A call with operations of the shard was answered.</summary>
    public void NoteAnswered(int shard) => Interlocked.CompareExchange(ref _wholeUntil[shard], 0, long.MaxValue);

    /// <summary>A call needed more keys than it had.</summary>
    public void NoteWhole(string id)
        => Volatile.Write(ref _wholeUntil[keys.ShardOf(id)], Environment.TickCount64 + (long)WholeFor.TotalMilliseconds);

    /// <summary>For how many operations of its entity this write's count.</summary>
    public long WeightOf(IReadOnlyList<PendingMemo> memos)
    {
        var weight = 0L;
        var sample = Sample;
        foreach (var memo in memos)
        {
            weight += sample == 1 || (uint)memo.Key.Text.GetHashCode(StringComparison.Ordinal) % sample == 0 ? sample : 0;
        }

        return weight;
    }

    /// <summary>What is known of operations, in their order.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task<MemoReply[]> FindAsync(string id, IReadOnlyList<OperationKey> operations, CancellationToken cancellationToken)
    {
        var shard = keys[keys.ShardOf(id)];
        var arguments = new RedisValue[OperationScripts.FindHeader + (2 * operations.Count)];
        (arguments[0], arguments[1]) = ((long)options.OperationTime.TotalMilliseconds, Lasting);
        (arguments[2], arguments[3]) = (id, operations.Count);
        for (var i = 0; i < operations.Count; i++)
        {
            arguments[OperationScripts.FindHeader + i] = operations[i].FieldOf(id);
            arguments[OperationScripts.FindHeader + operations.Count + i] = operations[i].Time;
        }

        var reply = await OperationScripts.Find.RunAsync(redis, [shard.Epoch, .. shard.Memos], arguments, cancellationToken)
            .ConfigureAwait(false);
        var found = new MemoReply[operations.Count];
        for (var i = 0; i < found.Length; i++)
        {
            var status = reply.NextText();
            found[i] = new MemoReply(status, status == MemoReply.KnownStatus ? OperationMemo.Read(reply.NextBytesOrNone() ?? []) : null);
        }

        return found;
    }
}

/// <summary>What scripts know of memos.</summary>
internal static class OperationLua
{
    /// <summary>Keys of a shard's memos where a call brings them all.</summary>
    public const int Keys = 7;

    /// <summary>
    /// <c>look</c>, <c>open</c> and <c>slot_of</c>, for all of them. The head of a hash: <c>b</c> when it was begun, <c>f</c> the floor,
    /// <c>p</c> the latest time of an operation in the older hash, <c>t</c> the latest in it, <c>x</c> whether an entity has a book of its
    /// own, <c>g</c> up to which time of an operation more than this hash is needed.
    /// </summary>
    public const string Text = """
        -- Adds what a hash has of the fields behind this place to what is known. Returns its head.
        local function look(key, least, from, count, known)
          local head = redis.pcall('HMGET', key, 'b', 'f', 'p', 't', 'x')
          if head.err then return nil, head.err end
          -- What is younger than all that is there can't be among it.
          for first = 1, least <= tonumber(head[4] or 0) and count or 0, 4000 do
            local last = math.min(count, first + 3999)
            local found = redis.call('HMGET', key, unpack(ARGV, from + first, from + last))
            for o = first, last do known[o] = known[o] or found[o - first + 1] end
          end
          return head
        end
        -- A book, where both of its hashes are looked into as far as is needed for operations of this time and later.
        local function open(newer, older, least, from, count, known)
          local head, failure = look(newer, least, from, count, known)
          if failure then return nil, failure end
          local book = {
            newer = newer, older = older, b = tonumber(head[1]), f = tonumber(head[2] or 0),
            p = tonumber(head[3] or 0), t = tonumber(head[4] or 0), x = head[5] ~= '0',
          }
          -- By what is in it, not by when it ended: clocks go back.
          if not book.b or least <= book.p then
            head, failure = look(older, least, from, count, known)
            if failure then return nil, failure end
            -- The newer one has gone by itself.
            if not book.b then
              book.f, book.p = math.max(tonumber(head[2] or 0), tonumber(head[3] or 0)), tonumber(head[4] or 0)
            end
          end
          return book
        end
        -- Which book of its own an entity has; nil for none. Of one that has been idle for longer than memos last nothing is left.
        local function slot_of(mark, now, lasting)
          mark = tonumber(mark or 0)
          return mark >= 1e14 and now - mark % 1e14 <= 2 * lasting and math.floor(mark / 1e14) or nil
        end

        """;

    /// <summary>
    /// <c>keep</c> and <c>count</c>, for the write script. A section has its operations' names and memos together, behind the ids.
    /// </summary>
    public const string OfWrites = """
        -- Adds memos to a book: name, memo, and so on. Once it is full or old, the older hash goes and the newer one takes its place.
        local function keep(book, entries, latest, most, now, lasting, marks)
          local done = 0
          while done < #entries do
            local fresh = book.b and not book.over and now - book.b <= lasting
            local room = fresh and most + 6 - redis.call('HLEN', book.newer) or 0
            if room <= 0 then
              if book.b then
                book.f, book.p = math.max(book.f, book.p), book.t
                redis.call('UNLINK', book.older)
                redis.call('RENAME', book.newer, book.older)
              end
              if marks then
                redis.call('ZREMRANGEBYSCORE', marks, '-inf', 1e14 + now - 2 * lasting)
                redis.call('ZREMRANGEBYSCORE', marks, 2e14, 2e14 + now - 2 * lasting)
                book.x = redis.call('ZCARD', marks) > 0
              end
              book.b, book.t, book.over, room = now, 0, false, most
              local gate = book.x and 9e15 or math.max(book.f, book.p)
              redis.call('HSET', book.newer, 'b', now, 'f', book.f, 'p', book.p, 'x', book.x and '1' or '0', 'g', gate)
              redis.call('PEXPIRE', book.newer, 2 * lasting)
            end
            local last = math.min(#entries, done + 2 * math.min(room, 1000))
            book.t = math.max(book.t, latest)
            redis.call('HSET', book.newer, 't', book.t, unpack(entries, done + 1, last))
            done = last
          end
        end
        -- Counts an entity's operations in the newer hash, and gives it a book of its own where there are many: returns which.
        local function count_of(book, marks, id, weight, share, most, now, lasting)
          local sum = tonumber(redis.call('ZINCRBY', marks, weight, id))
          redis.call('PEXPIRE', marks, 4 * lasting)
          for slot = 1, most > 0 and sum > share and 2 or 0 do
            local owner = redis.call('ZREVRANGEBYSCORE', marks, slot * 1e14 + 9e13, slot * 1e14, 'WITHSCORES', 'LIMIT', 0, 1)
            if not (owner[1] and slot_of(owner[2], now, lasting)) then
              if owner[1] then redis.call('ZREM', marks, owner[1]) end
              redis.call('ZADD', marks, slot * 1e14 + now, id)
              if book.b then redis.call('HSET', book.newer, 'x', '1', 'g', 9e15) end
              return slot
            end
          end
          book.over = book.over or sum > 2 * share
        end

        """;

    /// <summary>
    /// What a section of a call begins with. As a rule (not "whole") its first entities have one operation each, and the others none; the
    /// newer hash is enough where all operations are young and there is room.
    /// </summary>
    public const string OfSection = """
        local many, least, youngest, whole = tonumber(ARGV[arg + 6]), tonumber(ARGV[arg + 7]), arg + 8, ARGV[arg + 9] == '1'
        local greatest = tonumber(ARGV[youngest])
        local memos, names, begin = key + 3, ids + count, since(epoch)
        local known, entries, latest, op, book, failed, again, marked = {}, {}, 0, 0, nil, nil, false, nil
        if many > 0 and whole then
          book, failed = open(KEYS[memos + 1], KEYS[memos + 2], least, names, many, known)
          if book and book.x then
            marked = redis.call('ZMSCORE', KEYS[memos + 3], unpack(ARGV, ids + 1, ids + count))
          end
        elseif many > 0 then
          known = redis.pcall('HMGET', KEYS[memos + 1], 'g', 't')
          failed = known.err
          if not failed and known[1] and least <= tonumber(known[2]) then
            known = redis.pcall('HMGET', KEYS[memos + 1], 'g', 't', unpack(ARGV, names + 1, names + many))
            failed = known.err
          end
          again = not failed and (not known[1] or least <= tonumber(known[1]) or least < begin or least < now - lasts
            or greatest > now + 5000)
          -- Of a large hash it does not matter that a few more come in before it is noticed that there is no more room.
          if not again and not failed and (most < 8192 or exact % 8 == 0) then
            again = redis.call('HLEN', KEYS[memos + 1]) + many > most + 6
              or now - tonumber(redis.call('HGET', KEYS[memos + 1], 'b')) > lasting
          end
        end
        key = memos + (many == 0 and 0 or whole and 7 or 1)
        """;

    /// <summary>
    /// Whether all operations of an entity are new. After the check of the version: a write that is behind learns of it as it looks again.
    /// Before that of the bound: a repeat needs no room. A write that is sent again records what is not there: it may have been stopped
    /// between state and memos.
    /// </summary>
    public const string OfEntity = """
        local ops, more, first, last, weight = i <= many and 1 or 0, 0, nil, nil, 0
        local mine, seen, slot = nil, nil, nil
        if whole then
          ops, more = tonumber(ARGV[arg + 6]), 1
          if ops > 0 then
            first, last, weight, more = tonumber(ARGV[arg + 7]), tonumber(ARGV[arg + 8]), tonumber(ARGV[arg + 9]), 4
          end
        end
        if ops > 0 and (status == 'ok' or status == 'repeated') then
          if failed then
            status, detail = 'error', failed
          elseif again then
            status = 'again'
          elseif not whole then
            if known[i + 2] and status == 'ok' then status = 'known' end
          else
            local floor = book.f
            slot = marked and slot_of(marked[i], now, lasting)
            if slot then
              seen = {}
              mine, detail = open(KEYS[memos + 2 + 2 * slot], KEYS[memos + 3 + 2 * slot], first, names + op, ops, seen)
              if mine then floor, detail = math.max(floor, mine.f), '' else status = 'error' end
            end
            if status == 'ok' then
              if last > now + 5000 or first < now - lasts or first < begin or first <= floor then status = 'known' end
              for o = 1, ops do
                if known[op + o] or seen and seen[o] then status = 'known' end
              end
            end
          end
        end
        """;

    /// <summary>Records them, once the write is taken.</summary>
    public const string Record = """
        if ops > 0 and (status == 'ok' or status == 'repeated') then
          if not whole then
            if not known[i + 2] then
              entries[#entries + 1] = ARGV[names + i]
              entries[#entries + 1] = ARGV[names + many + i]
            end
          else
            if weight > 0 and not slot and status == 'ok' then
              slot = count_of(book, KEYS[memos + 3], id, weight, share, slot_most, now, lasting)
              if slot then
                seen = {}
                mine, detail = open(KEYS[memos + 2 + 2 * slot], KEYS[memos + 3 + 2 * slot], 0, names + op, ops, seen)
                if mine then detail = '' else slot = nil end
              end
            end
            local list = slot and {} or entries
            for o = op + 1, op + ops do
              if not (known[o] or seen and seen[o - op]) then
                list[#list + 1] = ARGV[names + o]
                list[#list + 1] = ARGV[names + many + o]
              end
            end
            if slot then
              redis.call('ZADD', KEYS[memos + 3], 'XX', slot * 1e14 + now, id)
              keep(mine, list, last, slot_most, now, lasting)
            else
              latest = math.max(latest, last)
            end
          end
        end
        """;

    /// <summary>What a section ends with.</summary>
    public const string EndOfSection = """
        if #entries > 0 and whole then
          keep(book, entries, latest, most, now, lasting, KEYS[memos + 3])
        elseif #entries > 0 then
          -- Times go as the text that they came in: to print a number takes longer than a look-up.
          redis.call('HSET', KEYS[memos + 1], 't', greatest > tonumber(known[2]) and ARGV[youngest] or known[2], unpack(entries))
        end
        """;
}

/// <summary>Looks operations up.</summary>
internal static class OperationScripts
{
    /// <summary>Arguments before the names.</summary>
    public const int FindHeader = 4;

    /// <summary>
    /// KEYS: epoch, then the shard's memos. ARGV: for how long memos count and for how long a hash of them is written, in ms, the entity's
    /// id, how many operations, their names and their times. Returns of each: known and its memo, new, or why that can't be said.
    /// </summary>
    public static readonly RedisScript Find = new(EpochLua.Text, OperationLua.Text, """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local lasts, lasting, count, known = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), {}
        local epoch = redis.call('GET', KEYS[1])
        local begin = epoch and since(epoch) or math.huge
        local book, failed = open(KEYS[2], KEYS[3], 0, 4, count, known)
        if not book then return redis.error_reply(failed) end
        local floor, slot = book.f, slot_of(redis.call('ZSCORE', KEYS[4], ARGV[3]), now, lasting)
        if slot then
          book, failed = open(KEYS[3 + 2 * slot], KEYS[4 + 2 * slot], 0, 4, count, known)
          if not book then return redis.error_reply(failed) end
          floor = math.max(floor, book.f)
        end
        local out = {}
        for o = 1, count do
          local at = tonumber(ARGV[4 + count + o])
          local why = at > now + 5000 and 'ahead' or at < now - lasts and 'expired' or at < begin and 'lost' or at <= floor and 'dropped'
          if known[o] and why ~= 'expired' then
            out[#out + 1], out[#out + 2] = 'known', known[o]
          else
            out[#out + 1] = why or 'new'
          end
        end
        return out
        """);
}
