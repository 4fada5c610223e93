using System.Text;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>Looks at what Redis has of entities for operators, and changes nothing. Writers and flushers have ways of their own.</summary>
internal sealed class EntityLook(RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options)
{
    private readonly KeyLayout _keys = buffer.Keys;

    /// <summary>Everything that the keys of some entities of one shard hold, at one moment.</summary>
    public async Task<LookedAt[]> ReadAsync(int shard, IReadOnlyList<string> ids, bool withPayload, CancellationToken cancellationToken)
    {
        var keys = _keys[shard];
        var scriptKeys = new RedisKey[4 + (2 * ids.Count)];
        var arguments = new RedisValue[1 + ids.Count];
        (scriptKeys[0], scriptKeys[1], scriptKeys[2], scriptKeys[3]) = (keys.Dirty, keys.Claims, keys.Dead, keys.Pause);
        arguments[0] = withPayload ? 1 : 0;
        for (var i = 0; i < ids.Count; i++)
        {
            scriptKeys[4 + (2 * i)] = keys.Entity(ids[i]);
            scriptKeys[5 + (2 * i)] = keys.Fence(ids[i]);
            arguments[1 + i] = ids[i];
        }

        var reply = await LookScript.RunAsync(redis, scriptKeys, arguments, cancellationToken).ConfigureAwait(false);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(reply.NextLong());
        var pause = FlushPauses.Read(options.Type, reply.NextText());
        var looks = new LookedAt[ids.Count];
        for (var i = 0; i < looks.Length; i++)
        {
            looks[i] = new LookedAt(now, pause)
            {
                Error = reply.NextTextOrNone(),
                Version = reply.NextLongOrNone(),
                Payload = reply.NextBytesOrNone(),
                IsDelete = reply.NextTextOrNone() is not null,
                Nonce = reply.NextText(),
                TimeToLive = Milliseconds(reply.NextLong()),
                DirtySince = Time(reply.NextLongOrNone()),
                ClaimedUntil = Time(reply.NextLongOrNone()),
                IsDead = reply.NextFlag(),
                Fence = reply.NextLongOrNone(),
                FenceNonce = reply.NextText(),
                FenceTimeToLive = Milliseconds(reply.NextLong()),
            };
        }

        return looks;
    }

    /// <summary>The entities of one shard that have been dirty for longest.</summary>
    public async Task<IReadOnlyList<DirtyEntity>> OldestAsync(int shard, int limit, CancellationToken cancellationToken)
    {
        var reply = await OldestScript.RunAsync(redis, [_keys[shard].Dirty, _keys[shard].Claims], [limit], cancellationToken)
            .ConfigureAwait(false);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(reply.NextLong());
        var oldest = new List<DirtyEntity>();
        while (reply.Left > 0)
        {
            var (id, since, claimed) = (reply.NextText(), Time(reply.NextLong())!.Value, Time(reply.NextLongOrNone()));
            oldest.Add(new DirtyEntity(options.Type, id, since, now > since ? now - since : TimeSpan.Zero, claimed));
        }

        return oldest;
    }

    /// <summary>All entities of one shard that are dirty.</summary>
    public async Task<IReadOnlyList<string>> DirtyIdsAsync(int shard, CancellationToken cancellationToken)
    {
        var ids = await redis.RunAsync(
            db => db.SortedSetRangeByRankAsync(_keys[shard].Dirty, flags: CommandFlags.DemandMaster), cancellationToken)
            .ConfigureAwait(false);
        return Array.ConvertAll(ids, static id => (string)id!);
    }

    /// <summary>How many operations of an entity are remembered under names that tell the entity.</summary>
    public async Task<long> CountMemosAsync(string id, CancellationToken cancellationToken)
    {
        var (count, bytes) = (0L, Encoding.UTF8.GetBytes(id));
        RedisValue pattern = "*" + Escape(id);
        var shard = _keys[_keys.ShardOf(id)];
        foreach (var book in shard.Memos.Where((_, i) => i != BusyBook))
        {
            var database = await redis.SharedAsync(cancellationToken).ConfigureAwait(false);
            var fields = database.HashScanAsync(book, pattern, pageSize: 1000, flags: CommandFlags.DemandMaster)
                .GetAsyncEnumerator(cancellationToken);
            await using (fields.ConfigureAwait(false))
            {
                while (await redis.RunAsync(_ => fields.MoveNextAsync().AsTask(), cancellationToken).ConfigureAwait(false))
                {
                    count += IsOf(bytes, (byte[])fields.Current.Name!) ? 1 : 0;
                }
            }
        }

        return count;
    }

    /// <summary>
    /// Marks a state dirty that has neither a mark nor an end: no flusher would find it. False where that is not so any more.
    /// </summary>
    public async Task<bool> MarkAsync(string id, string nonce, CancellationToken cancellationToken)
    {
        var keys = _keys[_keys.ShardOf(id)];
        var reply = await MarkScript.RunAsync(redis, [keys.Dirty, keys.Dead, keys.Entity(id)], [id, nonce], cancellationToken)
            .ConfigureAwait(false);
        return reply.NextFlag();
    }

    /// <summary>The place among the keys of memos of the one that is a sorted set.</summary>
    private const int BusyBook = 2;

    /// <summary>Whether a memo's name is that of an operation of this entity: see <see cref="OperationKey.FieldOf"/>.</summary>
    private static bool IsOf(byte[] id, byte[] field) => field.AsSpan().EndsWith(id) && field switch
    {
        [(byte)'u', ..] => field.Length == 17 + id.Length,
        [(byte)'t', ..] => field.AsSpan().IndexOf((byte)' ') == field.Length - id.Length - 1,
        _ => false,
    };

    private static string Escape(string id)
    {
        var text = new StringBuilder(id.Length);
        foreach (var c in id)
        {
            text.Append(c is '*' or '?' or '[' or ']' or '\\' or '^' ? "\\" : "").Append(c);
        }

        return text.ToString();
    }

    private static TimeSpan? Milliseconds(long left) => left < 0 ? null : TimeSpan.FromMilliseconds(left);

    private static DateTimeOffset? Time(long? ms) => ms is { } some ? DateTimeOffset.FromUnixTimeMilliseconds(some) : null;

    // KEYS: dirty, claims, dead, pause, then entity and fence of each. ARGV: 1 where payloads are wanted, then the ids. Returns Redis time
    // (ms) and the pause (empty for none); then of each: what is wrong with its keys, version, payload, tombstone mark, nonce, time to live
    // (ms), dirty since (ms), claimed until (ms), whether it is a dead letter, fenced version, the fence's nonce, its time to live (ms).
    private static readonly RedisScript LookScript = new(VersionLua.Text, """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local out = { string.format('%.0f', math.floor(now / 1000)), redis.call('GET', KEYS[4]) or '' }
        for k = 5, #KEYS, 2 do
          local id = ARGV[(k - 1) / 2]
          local stored = entity(KEYS[k], nil, 'x', 'w', ARGV[1] == '1' and 'd' or 'v')
          local fenced, nonce, failure = fence(KEYS[k + 1])
          local since, held = redis.call('ZSCORE', KEYS[1], id), redis.call('ZSCORE', KEYS[2], id)
          if held then held = tonumber(held) > now and string.format('%.0f', math.floor(tonumber(held) / 1000)) end
          out[#out + 1] = stored.err or failure or false
          out[#out + 1] = stored[1] or false
          out[#out + 1] = ARGV[1] == '1' and stored[4] or false
          out[#out + 1] = stored[2] or false
          out[#out + 1] = stored[3] or ''
          out[#out + 1] = redis.call('PTTL', KEYS[k])
          out[#out + 1] = since and string.format('%.0f', tonumber(since)) or false
          out[#out + 1] = held or false
          out[#out + 1] = redis.call('HEXISTS', KEYS[3], id)
          out[#out + 1] = fenced or false
          out[#out + 1] = nonce or ''
          out[#out + 1] = redis.call('PTTL', KEYS[k + 1])
        end
        return out
        """);

    // KEYS: dirty, claims. ARGV: how many. Returns Redis time (ms), then of each: id, dirty since (ms), claimed until (ms).
    private static readonly RedisScript OldestScript = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local out = { string.format('%.0f', math.floor(now / 1000)) }
        local oldest = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
        for i = 1, #oldest, 2 do
          local held = redis.call('ZSCORE', KEYS[2], oldest[i])
          if held then held = tonumber(held) > now and string.format('%.0f', math.floor(tonumber(held) / 1000)) end
          out[#out + 1], out[#out + 2] = oldest[i], string.format('%.0f', tonumber(oldest[i + 1]))
          out[#out + 1] = held or false
        end
        return out
        """);

    // KEYS: dirty, dead, entity. ARGV: id, nonce. Returns 1 where it was marked.
    private static readonly RedisScript MarkScript = new("""
        if redis.call('HGET', KEYS[3], 'w') ~= ARGV[2] or redis.call('PTTL', KEYS[3]) ~= -1 then return 0 end
        if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
        local time = redis.call('TIME')
        return redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
        """);
}

/// <summary>What Redis has of one entity.</summary>
/// <param name="At">When it was asked, by its clock.</param>
/// <param name="Pause">The pause of the type's flush; null where there is none.</param>
internal sealed record LookedAt(DateTimeOffset At, FlushPause? Pause)
{
    /// <summary>What is wrong with its keys; null where nothing is.</summary>
    public string? Error { get; init; }

    /// <summary>The version of the state; null where there is none.</summary>
    public long? Version { get; init; }

    public byte[]? Payload { get; init; }

    public bool IsDelete { get; init; }

    public string Nonce { get; init; } = "";

    /// <summary>How long the state stays; null where it has no end, or is not there.</summary>
    public TimeSpan? TimeToLive { get; init; }

    public DateTimeOffset? DirtySince { get; init; }

    public DateTimeOffset? ClaimedUntil { get; init; }

    public bool IsDead { get; init; }

    public long? Fence { get; init; }

    public string FenceNonce { get; init; } = "";

    public TimeSpan? FenceTimeToLive { get; init; }

    /// <summary>Whether nothing of it has changed since the other look.</summary>
    public bool IsLike(LookedAt other)
        => (Version, Nonce, DirtySince is null, IsDead, Fence, FenceNonce, Error)
            == (other.Version, other.Nonce, other.DirtySince is null, other.IsDead, other.Fence, other.FenceNonce, other.Error);
}
