using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// One call of the write script: its keys and arguments, and what its reply says of each request. The requests of a shard stand together
/// there, in the order they came in.
/// </summary>
internal sealed class WriteCall
{
    /// <summary>
    /// The status of a write that was stored before Redis went back: it is there, but nothing may go on top of it unseen.
    /// </summary>
    private const string Stale = "stale";

    private const string AgainStatus = "again";

    private readonly IReadOnlyList<WriteRequest> _requests;
    private readonly ShardEpochs _epochs;
    private readonly OperationMemos _memos;
    private readonly bool _hasOperations;

    /// <summary>The requests of each shard, by their index.</summary>
    private readonly IGrouping<int, int>[] _sections;

    /// <param name="requests">The writes.</param>
    /// <param name="layout">The keys.</param>
    /// <param name="epochs">What is known of the shards.</param>
    /// <param name="process">Names this process.</param>
    /// <param name="bound">How much may be dirty.</param>
    /// <param name="fences">For how long what the writers know counts.</param>
    /// <param name="memos">The terms of operations.</param>
    public WriteCall(
        IReadOnlyList<WriteRequest> requests,
        KeyLayout layout,
        ShardEpochs epochs,
        string process,
        DirtyBound bound,
        FenceTimes fences,
        OperationMemos memos)
    {
        (_requests, _epochs, _memos) = (requests, epochs, memos);
        _hasOperations = requests.Any(static request => request.Memos is not null);
        var order = Enumerable.Range(0, requests.Count);
        _sections = [.. (_hasOperations ? order.OrderBy(i => requests[i].Memos is null) : order)
            .GroupBy(i => layout.ShardOf(requests[i].Id))];
        var pool = bound.IsPooled ? layout.Shards : 0;
        IsOverShards = _sections.Length > 1 || pool > 1;
        var books = _hasOperations ? Array.ConvertAll(_sections, section => new SectionMemos(section, requests, memos)) : [];
        Keys = new RedisKey[
            (4 * _sections.Length) + (2 * requests.Count) + (2 * pool) + books.Sum(static section => section.Keys)];
        var header = WriteScript.Header + (_hasOperations ? WriteScript.Terms : 0);
        var perSection = WriteScript.PerSection + (_hasOperations ? WriteScript.PerSectionOfOperations : 0);
        Arguments = new RedisValue[
            header + (perSection * _sections.Length) + (WriteScript.PerEntity * requests.Count)
            + books.Sum(static section => section.Arguments)];
        (Arguments[0], Arguments[1]) = (_sections.Length, RandomToken.Next());
        (Arguments[2], Arguments[3]) = ((long)fences.Knowledge.TotalMilliseconds, pool);
        if (_hasOperations)
        {
            memos.Terms.CopyTo(Arguments, WriteScript.Header);
        }

        var (key, argument) = (_sections.Length, header);
        for (var i = 0; i < _sections.Length; i++)
        {
            Keys[i] = layout[_sections[i].Key].Epoch;
            AddSection(
                _sections[i], layout[_sections[i].Key], bound, process, fences, _hasOperations ? books[i] : null, ref key, ref argument);
        }

        for (var shard = 0; shard < pool; shard++)
        {
            (Keys[key++], Keys[key++]) = (layout[shard].Dirty, layout[shard].Dead);
        }
    }

    /// <summary>What is to be run: calls without operations know nothing of them.</summary>
    public RedisScript Script => _hasOperations ? WriteScript.WithOperations : WriteScript.Script;

    public RedisKey[] Keys { get; }

    public RedisValue[] Arguments { get; }

    /// <summary>Whether it touches more than one shard, which a Redis Cluster refuses.</summary>
    public bool IsOverShards { get; }

    /// <summary>The answers, in the order of the requests.</summary>
    public WriteReply[] Read(ScriptReply reply)
    {
        var time = reply.NextLong();
        var now = time / 1000;
        var answers = new WriteReply[_requests.Count];
        var places = new int[_requests.Count];
        var place = 0;
        foreach (var section in _sections)
        {
            var epoch = _epochs.Note(section.Key, reply.NextText());
            _epochs.NoteTime(section.Key, time, isWrite: true);
            if (_hasOperations && section.Any(request => _requests[request].Memos is not null))
            {
                _memos.NoteAnswered(section.Key);
            }

            foreach (var request in section)
            {
                answers[request] = new(WriteStatus.Ok, new Knowledge(_requests[request].Version, now, epoch));
                places[place++] = request;
            }
        }

        while (reply.Left > 0)
        {
            var request = places[reply.NextInt()];
            var (status, version, error) = (reply.NextText(), reply.NextLong(), reply.NextText());
            if (status == AgainStatus)
            {
                _memos.NoteWhole(_requests[request].Id);
            }

            answers[request] = status == Stale
                ? new(WriteStatus.Ok, Knowledge.None with { Version = version })
                : new(ParseStatus(status), answers[request].Known with { Version = version }, error);
        }

        return answers;
    }

    private void AddSection(
        IGrouping<int, int> section,
        ShardKeys keys,
        DirtyBound bound,
        string process,
        FenceTimes fences,
        SectionMemos? memos,
        ref int key,
        ref int argument)
    {
        var writers = _epochs[section.Key] ?? string.Empty;
        (Keys[key++], Keys[key++], Keys[key++]) = (keys.Dirty, keys.Dead, keys.Calls(process));
        for (var i = 0; i < memos?.Keys; i++)
        {
            Keys[key++] = keys.Memos[i];
        }

        Arguments[argument++] = writers;
        Arguments[argument++] = section.Count();
        Arguments[argument++] = bound.Of(section.Key);
        Arguments[argument++] = _epochs.Written(section.Key);
        Arguments[argument++] = _epochs.Seen(section.Key) - (long)fences.Tolerance.TotalMicroseconds;
        if (memos is not null)
        {
            Arguments[argument++] = memos.Count;
            Arguments[argument++] = memos.Least;
            Arguments[argument++] = memos.Greatest;
            Arguments[argument++] = memos.IsWhole;
        }

        foreach (var index in section)
        {
            var id = _requests[index].Id;
            Keys[key++] = keys.Entity(id);
            Keys[key++] = keys.Fence(id);
            Arguments[argument++] = id;
        }

        memos?.AddTo(Arguments, ref argument);

        foreach (var index in section)
        {
            var request = _requests[index];
            Arguments[argument++] = request.Known.Version;
            Arguments[argument++] = request.Version;
            Arguments[argument++] = request.Known.Epoch != writers ? 0
                : request.Known.IsSaved ? -request.Known.KnownAt
                : request.IsRemembered ? string.Create(CultureInfo.InvariantCulture, $"+{request.Known.KnownAt}")
                : request.Known.KnownAt;
            Arguments[argument++] = request.Nonce;
            Arguments[argument++] = request.Payload ?? RedisValue.EmptyString;
            memos?.AddOf(request, Arguments, ref argument);
        }
    }

    private static WriteStatus ParseStatus(string status) => status switch
    {
        "conflict" => WriteStatus.Conflict,
        "full" => WriteStatus.Full,
        "unconfirmed" => WriteStatus.Unconfirmed,
        "error" => WriteStatus.Error,
        "known" => WriteStatus.Known,
        AgainStatus => WriteStatus.Again,
        _ => throw new InvalidOperationException($"The write script answered '{status}'."),
    };
}

/// <summary>
/// Writes a batch of entities: version check, payload, dirty mark and bound in one atomic step. Where one server holds
/// all shards a call may have sections of several, otherwise it has one. KEYS: the epoch of each section, then of each dirty, dead, the
/// process' calls, and entity and fence of each entity; then, where the bound is pooled, dirty and dead of all shards. ARGV: how many
/// sections, candidate epoch, how long knowledge counts in ms, how many shards are pooled; then of each section the epoch that the writers
/// know, how many entities, how many may be unflushed, the process' last write call and the time that the clock must show (µs), the
/// entities' ids, and five of each. Returns Redis time in µs, the epochs, then of each that was not written: its place
/// from 0, status, with a conflict the version found (otherwise its base), and with an error its text. Those that are not named were
/// written, as the version they came with.
/// </summary>
/// <remarks>
/// With operations there are more of them. KEYS: behind the process' calls, where the section has any operation, the newer hash of the
/// shard's memos, or all of its keys of memos. ARGV: behind the first four the terms (<see cref="OperationMemos.Terms"/>); of each section,
/// before the ids, how many operations, the times of the oldest and the youngest, and whether it has all keys; behind the ids the
/// operations' names, then their memos. Where it has not all keys its first entities have one operation each; otherwise, behind each
/// payload: how many, and where there are any their oldest and youngest time and for how many they count. The status is "known" where one
/// of them is not new: then nothing of its entity was written. It is "again" where the other keys are needed.
/// </remarks>
internal static class WriteScript
{
    /// <summary>Arguments before the first section's.</summary>
    public const int Header = 4;

    /// <summary>Arguments of each section before its ids.</summary>
    public const int PerSection = 5;

    /// <summary>
    /// Arguments of each entity: its id among the others of the section; then base version, version to store, known at (0 where that
    /// is of another epoch than the writers', negative where it was saved, with a plus where it counts only while Redis has that
    /// version itself), nonce, payload (empty for a tombstone).
    /// </summary>
    public const int PerEntity = 6;

    /// <summary>Further arguments behind the header, with operations.</summary>
    public const int Terms = 5;

    /// <summary>Further arguments of each section before its ids, with operations.</summary>
    public const int PerSectionOfOperations = 4;

    /// <summary>For calls without operations.</summary>
    public static readonly RedisScript Script = new(VersionLua.Text, EpochLua.Text, Text(false));

    /// <summary>For calls with operations.</summary>
    public static readonly RedisScript WithOperations = new(
        VersionLua.Text, EpochLua.Text, OperationLua.Text, OperationLua.OfWrites, Text(true));

    private const string Locals =
        "local lasts, lasting, most, slot_most, share = " +
        "tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])";

    private static string Text(bool operations) => $$"""
        local time = redis.call('TIME')
        local exact = time[1] * 1000000 + time[2]
        local now = math.floor(exact / 1000)
        -- Numbers go to commands as texts: Redis takes longer to print one than for many a command.
        local stamp, mark = string.format('%.0f', exact), string.format('%.0f', now)
        local sections, pool, stale = tonumber(ARGV[1]), tonumber(ARGV[4]), math.max(0, now - tonumber(ARGV[3]))
        local epochs = redis.call('MGET', unpack(KEYS, 1, sections))
        -- What counts towards the bound: of this shard, or of all of them, whose keys come last.
        local function unflushed(dirty, dead, shards)
          if shards == 0 then return redis.call('ZCARD', dirty) + redis.call('HLEN', dead) end
          local sum = 0
          for k = #KEYS - 2 * shards + 1, #KEYS, 2 do
            sum = sum + redis.call('ZCARD', KEYS[k]) + redis.call('HLEN', KEYS[k + 1])
          end
          return sum
        end
        -- Times go through %.0f, as Lua prints large numbers with an exponent.
        local out, refused = { stamp }, {}
        local key, arg, place = sections, {{(operations ? Header + Terms : Header)}}, 0
        {{(operations ? Locals : "")}}
        for section = 1, sections do
          -- MGET passes over an epoch key of another kind, so GET asks once more, and fails, before anything is put there.
          local dirty, dead, epoch = KEYS[key + 1], KEYS[key + 2], epochs[section] or redis.call('GET', KEYS[section])
          local count, limit, ids = tonumber(ARGV[arg + 2]), tonumber(ARGV[arg + 3]), arg + {{(operations ? 9 : 5)}}
          -- An hour: enough for a process to be told by its own calls, and short enough for those that are gone.
          local before = redis.call('SET', KEYS[key + 3], stamp, 'PX', '3600000', 'GET')
          if not epoch then
            epoch = begun(ARGV[2], exact, ARGV[arg + 1] ~= '')
            redis.call('SET', KEYS[section], epoch)
          else
            epoch = heard(KEYS[section], epoch, ARGV[arg + 1], before, ARGV[arg + 4], ARGV[arg + 5], exact, ARGV[2])
          end
          out[section + 1] = epoch
          local oldest = ARGV[arg + 1] == epoch and stale or math.huge
          -- What is dirty is asked for at once: a command for each entity takes more of Redis' time (docs/performance.md).
          local marks = redis.call('ZMSCORE', dirty, unpack(ARGV, ids + 1, ids + count))
          {{(operations ? OperationLua.OfSection : "key = key + 3")}}
          arg = ids + count{{(operations ? " + 2 * many" : "")}}
          for i = 1, count do
            local state, id = KEYS[key + 1], ARGV[ids + i]
            local base, new, knownAt = ARGV[arg + 1], ARGV[arg + 2], tonumber(ARGV[arg + 3])
            local nonce, payload, remembered = ARGV[arg + 4], ARGV[arg + 5], string.byte(ARGV[arg + 3]) == 43
            local saved = knownAt < 0
            if saved then knownAt = -knownAt end
            local status, version, detail = 'ok', base, ''
            local stored = entity(state, base, 'w', 'x')
            local current, by, buffered = nil, nil, false
            if stored.err then
              status, detail = 'error', stored.err
            elseif stored[1] then
              current, by, buffered = stored[1], stored[2], true
            else
              local failure
              current, by, failure = fence(KEYS[key + 2])
              if failure then status, detail = 'error', failure end
            end
            if status == 'ok' then
              if by == nonce then
                -- This very write, sent again because its answer got lost: acknowledged, not repeated.
                -- Something is written all the same, so that a WAIT on a new connection has something to wait for.
                status = 'repeated'
                redis.call('SET', KEYS[section], epoch)
                if old(by, epoch) then status, version = 'stale', new end
              else
                -- A fence below what the writer knows tells nothing about it, nor does a state of before Redis went back.
                if current and newer(base, current) and (not buffered or old(by, epoch)) then current = nil end
                local conflictAt = not buffered and by and string.match(by, '^!(%d+)')
                -- "Unconfirmed" must not be simplified away: without buffered state or fence there is nothing to check a stale
                -- writer against, so its knowledge must be younger than any fence could have expired, in Redis' own time, and of
                -- this epoch. Nor is an equal version enough where there is one: after Redis came back empty, or a delete whose
                -- fence is over, it may be another write's. Known at 0 must be too old whatever the fence time: it stands for
                -- another epoch.
                -- What a writer only remembers is no more than a guess at what Redis has. Where that is flushed, the row counts, and
                -- other programs may have raised it.
                if knownAt <= oldest or knownAt > now or remembered and not buffered then
                  status = 'unconfirmed'
                elseif current and base ~= current then
                  status, version = 'conflict', current
                elseif saved and marks[i] and buffered then
                  -- What is unsaved has come since: another write, though it has the version that the row had. (A mark without a state
                  -- is one whose state Redis lost.)
                  status, version = 'conflict', current or base
                elseif current and conflictAt and knownAt <= tonumber(conflictAt) then
                  -- The row of this version is another one than the writer's own, which was set aside for it.
                  status, version = 'conflict', current
                end
              end
            end
            {{(operations ? OperationLua.OfEntity : "")}}
            if status == 'ok' then
              if not marks[i] and unflushed(dirty, dead, pool) >= limit and redis.call('HEXISTS', dead, id) == 0 then
                status = 'full'
              else
                -- The mark comes before the state: should Redis refuse a command half-way (a permission, a key of another kind), the
                -- nonce must not be there without the mark, or the write sent again would be acknowledged and never flushed.
                if not marks[i] then
                  redis.call('ZADD', dirty, mark, id)
                  redis.call('HDEL', dead, id)
                  if buffered then redis.call('PERSIST', state) end
                end
                if payload == '' then
                  if buffered then redis.call('HDEL', state, 'd') end
                  redis.call('HSET', state, 'v', new, 'w', nonce, 'x', '1')
                else
                  if buffered and stored[3] then redis.call('HDEL', state, 'x') end
                  redis.call('HSET', state, 'v', new, 'w', nonce, 'd', payload)
                end
              end
            end
            {{(operations ? OperationLua.Record : "")}}
            if status ~= 'ok' and status ~= 'repeated' then
              local last = #refused
              refused[last + 1], refused[last + 2], refused[last + 3], refused[last + 4] = place, status, version, detail
            end
            key, arg, place = key + 2, arg + 5{{(operations ? " + more" : "")}}, place + 1
            {{(operations ? "op = op + ops" : "")}}
          end
          {{(operations ? OperationLua.EndOfSection : "")}}
        end
        for i = 1, #refused do out[#out + 1] = refused[i] end
        return out
        """;
}
