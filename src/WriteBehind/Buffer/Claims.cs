using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// Which entities of a type are due, and which flusher holds them: finds, claims, gives back. What was saved is taken out by
/// <see cref="Settler"/>, together with its claim.
/// </summary>
internal sealed class Claims(RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options, Admission? admission = null)
{
    private readonly KeyLayout _keys = buffer.Keys;

    /// <summary>Finds entities of one shard that are due and that nobody holds.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="minAge">How old their oldest unflushed write must be.</param>
    /// <param name="until">Only those dirty since before this Redis time (ms); null for all.</param>
    /// <param name="skip">How many entries at the old end to leave out: those the caller has looked at and left.</param>
    /// <param name="count">How many are wanted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<DuePage> DueAsync(int shard, TimeSpan minAge, long? until, int skip, int count, CancellationToken cancellationToken)
    {
        var reply = await DueScript.Script.RunAsync(
            redis,
            [_keys[shard].Dirty, _keys[shard].Claims, _keys[shard].Pause],
            [(long)minAge.TotalMilliseconds, until?.ToString(CultureInfo.InvariantCulture) ?? string.Empty, skip, count, 10 * count],
            cancellationToken).ConfigureAwait(false);
        var pause = FlushPauses.Read(options.Type, reply.NextText());
        return new DuePage(shard, reply.NextInt(), reply.NextInt(), reply.RestOfTexts(), pause);
    }

    /// <summary>Claims entities of one shard and reads what to save, into the items.</summary>
    /// <param name="items">The entities, all of one shard.</param>
    /// <param name="room">How many bytes of payload to read; the first that is claimed is read however large it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task ClaimAsync(IReadOnlyList<ClaimItem> items, int room, CancellationToken cancellationToken)
    {
        admission?.Check(options.Type);
        var shard = items[0].Shard;
        var scriptKeys = new RedisKey[6 + items.Count];
        var arguments = new RedisValue[6 + items.Count];
        (scriptKeys[0], scriptKeys[1], scriptKeys[2]) = (_keys[shard].Claims, _keys[shard].Dirty, _keys[shard].Dead);
        (scriptKeys[3], scriptKeys[4], scriptKeys[5]) = (_keys[shard].Epoch, _keys[shard].Calls(buffer.Process), _keys[shard].Pause);
        (arguments[0], arguments[1]) = ((long)options.Lease.TotalMicroseconds, room);
        buffer.Epochs.Hearing(shard, buffer.FenceTimes).CopyTo(arguments, 2);
        for (var i = 0; i < items.Count; i++)
        {
            scriptKeys[6 + i] = _keys[shard].Entity(items[i].Id);
            arguments[6 + i] = items[i].Id;
        }

        var reply = await RunClaimAsync(scriptKeys, arguments, cancellationToken).ConfigureAwait(false);
        var (term, at, epoch) = (reply.NextLong(), reply.NextLong(), reply.NextText());
        var pause = FlushPauses.Read(options.Type, reply.NextText());
        var claim = new ShardClaim(shard, term, at, epoch.Length > 0 ? buffer.Epochs.Note(shard, epoch) : epoch, pause);
        foreach (var item in items)
        {
            Read(reply, claim, item);
            buffer.Flushing.Note(item);
        }
    }

    private async Task<ScriptReply> RunClaimAsync(RedisKey[] scriptKeys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            return await ClaimScript.Script.RunAsync(redis, scriptKeys, arguments, cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (RedisErrors.IsOutOfMemory(e))
        {
            // A claim takes little, and is what a full Redis is drained by.
            return await ClaimScript.WhenFull.RunAsync(redis, scriptKeys, arguments, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Gives a claim back at once instead of when its lease ends.</summary>
    public Task ReleaseAsync(ShardClaim claim, CancellationToken cancellationToken)
        => redis.RunAsync(db => db.SortedSetRemoveRangeByScoreAsync(
            _keys[claim.Shard].Claims, claim.Term, claim.Term, flags: CommandFlags.DemandMaster), cancellationToken);

    /// <summary>Gives claims back. Where Redis is away, their leases end by themselves.</summary>
    public async Task TryReleaseAsync(IEnumerable<ShardClaim> claims)
    {
        try
        {
            await Task.WhenAll(claims.Select(claim => ReleaseAsync(claim, CancellationToken.None))).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            // The leases end by themselves.
        }
    }

    /// <summary>
    /// Gives entities that moved on during their flush the age of what is still unflushed. Where Redis refuses, they keep the age that they
    /// had, and are flushed again a little early.
    /// </summary>
    public async Task TryRestampAsync(IReadOnlyList<ClaimItem> moved)
    {
        try
        {
            await Task.WhenAll(moved.GroupBy(static item => item.Claim!).Select(
                ofClaim => RestampAsync(ofClaim.Key, [.. ofClaim], CancellationToken.None))).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            // Redis is full, perhaps.
        }
    }

    private Task<ScriptReply> RestampAsync(ShardClaim claim, IReadOnlyList<ClaimItem> moved, CancellationToken cancellationToken)
    {
        var shard = _keys[claim.Shard];
        var scriptKeys = new RedisKey[1 + moved.Count];
        var arguments = new RedisValue[1 + (2 * moved.Count)];
        (scriptKeys[0], arguments[0]) = (shard.Dirty, claim.At);
        for (var i = 0; i < moved.Count; i++)
        {
            scriptKeys[1 + i] = shard.Entity(moved[i].Id);
            arguments[1 + (2 * i)] = moved[i].Id;
            arguments[2 + (2 * i)] = moved[i].Version;
        }

        return RestampScript.Script.RunAsync(redis, scriptKeys, arguments, cancellationToken);
    }

    private static void Read(ScriptReply reply, ShardClaim claim, ClaimItem item)
    {
        var status = StatusOf(reply.NextText());
        if (status == ClaimStatus.Claimed)
        {
            var (version, payload, isDelete) = (reply.NextLong(), reply.NextBytesOrNone(), reply.NextTextOrNone() is not null);
            item.Claimed(claim, version, isDelete ? null : payload ?? [], reply.NextText());
            return;
        }

        reply.Skip(1);
        item.NotClaimed(claim, status, status == ClaimStatus.Error ? reply.NextTextOrNone() : null);
        reply.Skip(status == ClaimStatus.Error ? 2 : 3);
    }

    private static ClaimStatus StatusOf(string status) => status switch
    {
        "claimed" => ClaimStatus.Claimed,
        "later" => ClaimStatus.Later,
        "held" => ClaimStatus.Held,
        "paused" => ClaimStatus.Paused,
        "clean" => ClaimStatus.Clean,
        "dead" => ClaimStatus.Dead,
        "lost" => ClaimStatus.Lost,
        "error" => ClaimStatus.Error,
        _ => throw new InvalidOperationException($"The claim script answered '{status}'."),
    };
}

/// <summary>One entity of a flush, as far as Redis is concerned: what is asked for, and what the claim found.</summary>
internal class ClaimItem(string id, int shard)
{
    public string Id { get; } = id;

    public int Shard { get; } = shard;

    /// <summary>The claim that was asked for it; null as long as none was, or its shard did not answer.</summary>
    public ShardClaim? Claim { get; private set; }

    public ClaimStatus Status { get; private set; } = ClaimStatus.Later;

    /// <summary>The version to save; 0 where it is not claimed.</summary>
    public long Version { get; private set; }

    /// <summary>The payload to save; null for a tombstone.</summary>
    public byte[]? Payload { get; protected set; }

    /// <summary>The nonce of the write, which the fence takes over.</summary>
    public string Nonce { get; private set; } = string.Empty;

    /// <summary>What Redis says of a key that can't be read.</summary>
    public string? KeyError { get; private set; }

    /// <summary>Whether the settle found another write in its place: it is saved as it was claimed, and still dirty.</summary>
    public bool HasMoved { get; set; }

    /// <summary>
    /// Whether this process sent a write of it since the claim. It may fail, and an entity whose writes fail must become clean all the
    /// same.
    /// </summary>
    public bool IsBeingRewritten { get; set; }

    /// <summary>Whether such a write was acknowledged: that spares the settle a check in vain, and guards nothing.</summary>
    public bool IsRewritten { get; set; }

    /// <summary>A flusher holds it, and is to save this.</summary>
    public void Claimed(ShardClaim claim, long version, byte[]? payload, string nonce)
        => (Claim, Status, Version, Payload, Nonce) = (claim, ClaimStatus.Claimed, version, payload, nonce);

    public void NotClaimed(ShardClaim claim, ClaimStatus status, string? error) => (Claim, Status, KeyError) = (claim, status, error);
}

/// <summary>What the claim script says of one entity.</summary>
internal enum ClaimStatus
{
    /// <summary>The flusher holds it.</summary>
    Claimed,

    /// <summary>Not asked yet, or the claim had no room left for its payload: it is free and due, and may be claimed at once.</summary>
    Later,

    /// <summary>Another flusher holds it.</summary>
    Held,

    /// <summary>It is dirty, and the flush of its type is paused.</summary>
    Paused,

    /// <summary>It is not dirty.</summary>
    Clean,

    /// <summary>It is a dead letter.</summary>
    Dead,

    /// <summary>It is marked dirty, but Redis lost its state (evicted, or deleted by somebody).</summary>
    Lost,

    /// <summary>Its key holds something else than a hash.</summary>
    Error,
}

/// <summary>The claim of one batch on one shard.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Term">The end of the lease in Redis time (µs). Unique in the shard, and so the claim's name.</param>
/// <param name="At">Redis time (ms) of the claim.</param>
/// <param name="Epoch">The shard's epoch.</param>
/// <param name="Pause">The pause of the type's flush, during which nothing is claimed; null where there is none.</param>
internal sealed record ShardClaim(int Shard, long Term, long At, string Epoch, FlushPause? Pause = null);

/// <summary>Entities of one shard that are due.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Seen">How many entries were looked at.</param>
/// <param name="Held">How many of them a flusher holds.</param>
/// <param name="Ids">The others, oldest first.</param>
/// <param name="Pause">The pause of the type's flush, for which nothing was looked for; null where there is none.</param>
internal sealed record DuePage(int Shard, int Seen, int Held, IReadOnlyList<string> Ids, FlushPause? Pause = null);

/// <summary>
/// Claims entities of one shard for a flusher and reads their states. KEYS: claims, dirty, dead, epoch, the process' calls, the pause, then
/// the entity of each. ARGV: lease in µs, bytes of payload to read at most, candidate epoch, known epoch, the process' last write call and
/// the time that the clock must show (µs), then the ids. Returns the term (end of lease, µs), Redis time in ms, the epoch, the pause (empty
/// for none), then status, version, payload, tombstone mark and nonce of each.
/// </summary>
internal static class ClaimScript
{
    private const string Text = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local epoch = redis.call('GET', KEYS[4])
        if epoch then epoch = heard(KEYS[4], epoch, ARGV[4], redis.call('GET', KEYS[5]), ARGV[5], ARGV[6], now, ARGV[3]) end

        -- Claims that have run out are cleared away in passing; where none is left, which is the rule, there is none to look for.
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))

        -- The term is made unique in the shard, because it is also the claim's name: a settle takes back exactly the claims with its own
        -- term, never those of a flusher that came after it.
        local term = now + tonumber(ARGV[1])
        local top = redis.call('ZREVRANGE', KEYS[1], '0', '0', 'WITHSCORES')
        if top[2] and tonumber(top[2]) >= term then term = tonumber(top[2]) + 1 end
        local name = string.format('%.0f', term)
        -- Looked at here and nowhere before: a flusher that heard of it late, or slept since, still finds it.
        local pause = redis.call('GET', KEYS[6])
        local out = { name, string.format('%.0f', math.floor(now / 1000)), epoch, pause or '' }

        -- All marks with one command (in parts, as Lua's stack ends at 8,000 values).
        local dirty = {}
        for first = 7, #ARGV, 1000 do
          local marks = redis.call('ZMSCORE', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
          for i = 1, #marks do dirty[first + i - 1] = marks[i] end
        end
        local taken = {}
        local room = tonumber(ARGV[2])
        for k = 7, #KEYS do
          local id = ARGV[k]
          local status, stored = 'claimed', {}
          if top[1] and redis.call('ZSCORE', KEYS[1], id) then
            status = 'held'
          elseif not dirty[k] then
            status = redis.call('HEXISTS', KEYS[3], id) == 1 and 'dead' or 'clean'
          elseif pause then
            status = 'paused'
          elseif room <= 0 then
            status = 'later'
          else
            stored = entity(KEYS[k], nil, 'd', 'x', 'w')
            if stored.err then
              status, stored = 'error', { '0', stored.err }
            elseif not stored[1] then
              status = 'lost'
              redis.call('ZREM', KEYS[2], id)
            else
              -- What goes beyond the bytes is left for later: states may be large, and the reply to a whole batch of them is held in memory
              -- by Redis and by the flusher, and holds up all others behind it. The first is always taken, or it never would be.
              local size = stored[2] and #stored[2] or 0
              if size > room and #taken > 0 then
                status, stored, room = 'later', {}, 0
              else
                taken[#taken + 1] = name
                taken[#taken + 1] = id
                room = room - size
              end
            end
          end
          out[#out + 1] = status
          for field = 1, 4 do out[#out + 1] = stored[field] or false end
        end
        for first = 1, #taken, 1000 do
          redis.call('ZADD', KEYS[1], unpack(taken, first, math.min(first + 999, #taken)))
        end
        return out
        """;

    public static readonly RedisScript Script = new(VersionLua.Text, EpochLua.Text, Text);

    /// <summary>The same on a Redis that has reached maxmemory. Redis 7 knows the flags; an older one does not compile it.</summary>
    public static readonly RedisScript WhenFull = new("#!lua flags=allow-oom", VersionLua.Text, EpochLua.Text, Text);
}

/// <summary>
/// Finds entities of one shard that are due, oldest first, leaving out those that a flusher holds. KEYS: dirty, claims, pause.
/// ARGV: smallest age in ms, latest score or empty, entries to skip, entries wanted, entries to look at at most.
/// Returns the pause (empty for none; then nothing is due), how many entries were looked at, how many of them are held, then the ids.
/// </summary>
internal static class DueScript
{
    public static readonly RedisScript Script = new("""
        local pause = redis.call('GET', KEYS[3])
        if pause then return { pause, 0, 0 } end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local held = time[1] * 1000000 + time[2]
        local latest = now - tonumber(ARGV[1])
        if ARGV[2] ~= '' and tonumber(ARGV[2]) < latest then latest = tonumber(ARGV[2]) end
        latest = string.format('%.0f', latest)
        local offset, wanted, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
        local seen, taken, ids = 0, 0, {}
        local claims = redis.call('EXISTS', KEYS[2]) == 1
        local function look(from, to, offset)
          local first = seen
          while #ids < wanted and seen < most do
            local page = redis.call('ZRANGEBYSCORE', KEYS[1], from, to, 'LIMIT', offset + seen - first, wanted)
            for _, id in ipairs(page) do
              if #ids == wanted then break end
              seen = seen + 1
              local claim = claims and redis.call('ZSCORE', KEYS[2], id)
              if claim and tonumber(claim) > held then taken = taken + 1 else ids[#ids + 1] = id end
            end
            if #page < wanted then break end
          end
        end
        look('-inf', latest, offset)
        -- Marks ahead of the clock are from before it went back. How old they are nobody knows, so they are due, after those whose age
        -- is known.
        local newest = redis.call('ZREVRANGE', KEYS[1], '0', '0', 'WITHSCORES')
        if newest[2] and tonumber(newest[2]) > now and #ids < wanted and seen < most then
          look(string.format('(%.0f', now), '+inf', math.max(0, offset - redis.call('ZCOUNT', KEYS[1], '-inf', latest)))
        end
        local out = { '', seen, taken }
        for _, id in ipairs(ids) do out[#out + 1] = id end
        return out
        """);
}

/// <summary>
/// Gives entities that moved on during their flush the age of what is still unflushed: what was read at the claim is saved, so the
/// oldest unflushed write is younger than the claim. KEYS: dirty, then the entity of each. ARGV: Redis time of the claim in ms, then
/// id and saved version of each.
/// </summary>
internal static class RestampScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- Without this a hot entity would stay due for ever and be flushed in every sweep instead of once per flush delay. The same holds
        -- for a mark that is ahead of the clock, which went back.
        for k = 2, #KEYS do
          local id, saved = ARGV[2 * k - 2], ARGV[2 * k - 1]
          local score = redis.call('ZSCORE', KEYS[1], id)
          if score and (tonumber(score) < tonumber(ARGV[1]) or tonumber(score) > now) then
            local version = redis.call('HGET', KEYS[k], 'v')
            if version and version ~= saved then redis.call('ZADD', KEYS[1], 'XX', ARGV[1], id) end
          end
        end
        return 1
        """);
}
