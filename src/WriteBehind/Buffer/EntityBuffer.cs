using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// The buffered entities of one type: reads, writes and counts them. (A flush goes by <see cref="Claims"/> and <see cref="Settler"/>.)
/// </summary>
internal sealed class EntityBuffer
{
    private const int MaxItems = 512;
    private const int MaxBytes = 4 << 20;

    /// <summary>
    /// Batches over all shards that may be under way: while Redis works on one the next is on its way and the last is being answered. (One
    /// makes Redis and this process wait for each other; more make no more of them, only smaller ones.)
    /// </summary>
    internal const int BatchesUnderWay = 3;

    private readonly RedisConnections _redis;
    private readonly EntityTypeOptions _options;
    private readonly WriteBehindOptions _engine;
    private readonly IProtocolGate _gate;
    private readonly GroupBatcher<WriteRequest, WriteReply>[] _writers;
    private readonly GroupBatcher<WriteRequest, WriteReply> _overShards;
    private readonly GroupBatcher<string, BufferedEntity>[] _readers;
    private readonly ShardEpochs _epochs;
    private bool _shardsApart;

    public EntityBuffer(RedisConnections redis, EntityTypeOptions options, WriteBehindOptions engine, IProtocolGate gate)
    {
        _redis = redis;
        _options = options;
        _engine = engine;
        _gate = gate;
        Keys = new KeyLayout(engine.KeyPrefix, options.Type, options.Shards);
        _writers = new GroupBatcher<WriteRequest, WriteReply>[options.Shards];
        _readers = new GroupBatcher<string, BufferedEntity>[options.Shards];
        _epochs = new ShardEpochs(options.Shards);
        _overShards = new(
            WriteBatchAsync,
            MaxItems,
            SizeOf,
            MaxBytes,
            BatchesUnderWay,
            mostWaiting: GroupBatcher<WriteRequest, WriteReply>.MostWaiting * options.Shards);
        for (var i = 0; i < options.Shards; i++)
        {
            var shard = i;
            _writers[i] = new(WriteBatchAsync, MaxItems, SizeOf, MaxBytes);
            _readers[i] = new(batch => ReadShardAsync(shard, batch), MaxItems, static _ => 0, MaxBytes);
        }
    }

    public KeyLayout Keys { get; }

    /// <summary>The bound of one shard: the type's, split evenly and rounded up.</summary>
    private long ShardLimit => ((_options.MaxDirty - 1) / _options.Shards) + 1;

    /// <summary>
    /// Whether a shard was seen to have come back empty since the last call: on a cluster one server may, and the others not.
    /// </summary>
    public bool TakeEmptied() => _epochs.TakeEmptied();

    /// <summary>
    /// Writes one entity, together with others that arrive meanwhile: of all shards where one server holds them, otherwise of its own. Sent
    /// once.
    /// </summary>
    public Task<WriteReply> WriteAsync(WriteRequest request)
        => (_redis.IsOneServer && !Volatile.Read(ref _shardsApart) ? _overShards : _writers[Keys.ShardOf(request.Id)]).SendAsync(request);

    /// <summary>Reads one entity, together with others of its shard that are asked for meanwhile.</summary>
    public Task<BufferedEntity> ReadAsync(string id) => _readers[Keys.ShardOf(id)].SendAsync(id);

    /// <summary>Reads many entities, in the order of the ids: one round trip per shard, or one for each 512 of a shard.</summary>
    public async Task<BufferedEntity[]> ReadManyAsync(IReadOnlyList<string> ids)
    {
        var entities = new BufferedEntity[ids.Count];
        await Task.WhenAll(
            Enumerable.Range(0, ids.Count).GroupBy(i => Keys.ShardOf(ids[i])).Select(ReadOneShardAsync)).ConfigureAwait(false);
        return entities;

        async Task ReadOneShardAsync(IGrouping<int, int> shard)
        {
            int[] places = [.. shard];
            var read = await _readers[shard.Key].SendManyAsync([.. places.Select(i => ids[i])]).ConfigureAwait(false);
            for (var i = 0; i < places.Length; i++)
            {
                entities[places[i]] = read[i];
            }
        }
    }

    /// <summary>Puts a state loaded from the database into Redis as a clean entry, unless Redis knows something newer.</summary>
    public async Task<bool> FillAsync(string id, Knowledge known, byte[] payload, CancellationToken cancellationToken)
    {
        var keys = Keys[Keys.ShardOf(id)];
        var reply = await FillScript.Script.RunAsync(
            _redis,
            [keys.Epoch, keys.Entity(id), keys.Fence(id)],
            [
                known.Epoch,
                known.KnownAt,
                (long)_options.FenceTime.TotalMilliseconds,
                known.Version,
                payload,
                (long)_options.CacheTtl.TotalMilliseconds],
            cancellationToken).ConfigureAwait(false);
        return reply.NextFlag();
    }

    /// <summary>Counts what waits in one shard.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="until">Count only entities dirty since before this Redis time (ms); null for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ShardBacklog> BacklogAsync(int shard, long? until, CancellationToken cancellationToken)
    {
        var keys = Keys[shard];
        var reply = await BacklogScript.Script.RunAsync(
            _redis,
            [keys.Dirty, keys.Dead],
            [until?.ToString(CultureInfo.InvariantCulture) ?? string.Empty],
            cancellationToken).ConfigureAwait(false);
        var (dirty, dead, age) = (reply.NextLong(), reply.NextLong(), reply.NextLong());
        return new ShardBacklog(dirty, dead, age < 0 ? null : TimeSpan.FromMilliseconds(age), Now: reply.NextLong());
    }

    private async Task<IReadOnlyList<WriteReply>> WriteBatchAsync(IReadOnlyList<WriteRequest> batch)
    {
        await ReachAsync(ProtocolStep.BeforeWrite, batch).ConfigureAwait(false);
        var call = new WriteCall(batch, Keys, _epochs, RandomToken.Next(), ShardLimit, _options.FenceTime);
        ScriptReply reply;
        try
        {
            reply = await RunWriteAsync(call.Keys, call.Arguments).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (call.IsOverShards && RedisErrors.IsOfKeys(e))
        {
            // A proxy in front of several servers refuses keys of several slots; and an index that somebody made another kind of key is to
            // fail its own shard alone. The callers send their writes again, from now on shard by shard.
            Volatile.Write(ref _shardsApart, true);
            throw;
        }

        await ReachAsync(ProtocolStep.Written, batch).ConfigureAwait(false);
        return call.Read(reply);
    }

    private async Task<IReadOnlyList<BufferedEntity>> ReadShardAsync(int shard, IReadOnlyList<string> ids)
    {
        var keys = Keys[shard];
        var scriptKeys = new RedisKey[1 + (2 * ids.Count)];
        scriptKeys[0] = keys.Epoch;
        for (var i = 0; i < ids.Count; i++)
        {
            scriptKeys[1 + (2 * i)] = keys.Entity(ids[i]);
            scriptKeys[2 + (2 * i)] = keys.Fence(ids[i]);
        }

        var reply = await ReadScript.Script.RunAsync(
            _redis, scriptKeys, [RandomToken.Next()], CancellationToken.None).ConfigureAwait(false);
        var (now, epoch) = (reply.NextLong(), _epochs.Note(shard, reply.NextText()));
        var entities = new BufferedEntity[ids.Count];
        for (var i = 0; i < entities.Length; i++)
        {
            entities[i] = ReadEntity(reply, now, epoch);
        }

        return entities;
    }

    private static BufferedEntity ReadEntity(ScriptReply reply, long now, string epoch)
    {
        if (reply.NextTextOrNone() is not { } version)
        {
            reply.Skip(2);
            var fenced = reply.NextLongOrNone() ?? 0;
            reply.Skip(1);
            return new(new Knowledge(fenced, now, epoch), IsBuffered: false, null);
        }

        if (version == "error")
        {
            var error = reply.NextText();
            reply.Skip(3);
            return new(Knowledge.None, IsBuffered: true, null, error);
        }

        var known = new Knowledge(long.Parse(version, CultureInfo.InvariantCulture), now, epoch);
        var (payload, isDeleted) = (reply.NextBytesOrNone() ?? [], reply.NextFlag());
        reply.Skip(1);
        return new(known, IsBuffered: true, isDeleted ? null : payload, IsClean: reply.NextLong() >= 0);
    }

    private static int SizeOf(WriteRequest request) => request.Payload?.Length ?? 0;

    private ValueTask ReachAsync(ProtocolStep step, IReadOnlyList<WriteRequest> batch)
        => _gate is OpenGate
            ? default
            : _gate.ReachAsync(step, _options.Type, [.. batch.Select(request => request.Id)], CancellationToken.None);

    /// <summary>
    /// Runs the write script, and waits for the replicas where that is asked for: on the connection that wrote, which only such writes use.
    /// </summary>
    private async Task<ScriptReply> RunWriteAsync(RedisKey[] keys, RedisValue[] arguments)
    {
        if (_engine.ReplicaAcknowledgements == 0)
        {
            return await WriteScript.Script.RunAsync(_redis, keys, arguments, CancellationToken.None).ConfigureAwait(false);
        }

        var database = await _redis.WaitingAsync(CancellationToken.None).ConfigureAwait(false);
        var reply = await WriteScript.Script.RunOnAsync(_redis, database, keys, arguments, CancellationToken.None).ConfigureAwait(false);
        await ReplicaWait.ForAsync(_redis, database, _engine).ConfigureAwait(false);
        return reply;
    }
}

/// <summary>What Redis knows of an entity.</summary>
/// <param name="Known">The version of the buffered state, else of the fence, else 0, stamped.</param>
/// <param name="IsBuffered">Whether a state or tombstone is there; otherwise the database has the latest.</param>
/// <param name="Payload">The payload; null for a tombstone, or where nothing is buffered.</param>
/// <param name="Error">Where the entity's key holds something else than a hash: Redis' words.</param>
/// <param name="IsClean">Whether what is buffered is a mere cache entry.</param>
internal readonly record struct BufferedEntity(
    Knowledge Known, bool IsBuffered, byte[]? Payload, string? Error = null, bool IsClean = false);

/// <summary>
/// Counts what waits in one shard. KEYS: dirty, dead. ARGV: a score or empty. Returns dirty entities (up to that score), dead letters,
/// the age of the oldest dirty one in ms (or -1), and Redis time in ms.
/// </summary>
internal static class BacklogScript
{
    public static readonly RedisScript Script = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local age = -1
        local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
        if oldest[2] then age = math.max(0, now - tonumber(oldest[2])) end
        local dirty
        if ARGV[1] == '' then dirty = redis.call('ZCARD', KEYS[1]) else dirty = redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1]) end
        return { dirty, redis.call('HLEN', KEYS[2]), age, string.format('%.0f', now) }
        """);
}

/// <summary>
/// Puts what was loaded from the database into Redis as a clean entry, unless Redis knows something newer. KEYS: epoch, entity, fence.
/// ARGV: known epoch, known at, fence time in ms, version, payload, TTL in ms. Returns 1 where it was put.
/// </summary>
internal static class FillScript
{
    public static readonly RedisScript Script = new(VersionLua.Text, """
        if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- The same check as for a writer's knowledge: a fill that is older than a fence lasts has nothing to be checked against.
        if redis.call('GET', KEYS[1]) ~= ARGV[1] or now - tonumber(ARGV[2]) >= tonumber(ARGV[3]) then return 0 end
        local fenced, _, failure = fence(KEYS[3])
        if failure or fenced and newer(fenced, ARGV[4]) then return 0 end
        redis.call('HSET', KEYS[2], 'v', ARGV[4], 'w', '', 'd', ARGV[5])
        redis.call('PEXPIRE', KEYS[2], ARGV[6])
        return 1
        """);
}

/// <summary>
/// Reads a batch of entities of one shard. KEYS: epoch, then entity and fence of each. ARGV: candidate epoch.
/// Returns Redis time in ms, the epoch, then version, payload, tombstone mark, fenced version (nil where there is none)
/// and time to live in ms of each; a clean entry has one, a dirty one never.
/// </summary>
internal static class ReadScript
{
    public static readonly RedisScript Script = new(VersionLua.Text, """
        -- The time is taken before the caller asks the database, so what it learns there is at least as young as the stamp says.
        local time = redis.call('TIME')
        local epoch = redis.call('GET', KEYS[1])
        if not epoch then
          epoch = ARGV[1]
          redis.call('SET', KEYS[1], epoch)
        end
        local out = { string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), epoch }
        for k = 2, #KEYS, 2 do
          local stored = entity(KEYS[k], nil, 'd', 'x')
          local fenced, _
          if not stored.err and not stored[1] then
            local failure
            fenced, _, failure = fence(KEYS[k + 1])
            if failure then stored = { err = failure } end
          end
          if stored.err then
            out[#out + 1], out[#out + 2], out[#out + 3] = 'error', stored.err, false
          else
            out[#out + 1], out[#out + 2], out[#out + 3] = stored[1], stored[2], stored[3]
          end
          out[#out + 1] = fenced or false
          out[#out + 1] = (not stored.err and stored[1]) and redis.call('PTTL', KEYS[k]) or -1
        end
        return out
        """);
}

/// <summary>What waits in one shard.</summary>
/// <param name="Dirty">Dirty entities.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="OldestAge">The age of the oldest dirty entity; null where nothing is dirty.</param>
/// <param name="Now">Redis time in ms.</param>
internal readonly record struct ShardBacklog(long Dirty, long Dead, TimeSpan? OldestAge, long Now);

/// <summary>What waits in the shards of a type. On a cluster one server may be away and the others not.</summary>
/// <param name="Shards">By shard; null where Redis did not answer.</param>
/// <param name="Unseen">How many were dirty in those when they last answered.</param>
/// <param name="Failure">Why they did not; null where all did.</param>
internal sealed record TypeBacklog(IReadOnlyList<ShardBacklog?> Shards, long Unseen, BufferUnavailableException? Failure)
{
    /// <summary>How many are dirty, as far as it is known.</summary>
    public long Dirty => Unseen + Shards.Sum(static shard => shard?.Dirty ?? 0);
}
