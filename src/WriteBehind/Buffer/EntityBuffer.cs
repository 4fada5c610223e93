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
    private readonly Admission? _admission;
    private readonly CallsApart _apart;
    private readonly Action<BufferUnavailableException>? _onApart;

    /// <param name="redis">The connections.</param>
    /// <param name="options">The type's settings.</param>
    /// <param name="engine">The engine's settings.</param>
    /// <param name="gate">Called at the protocol's steps.</param>
    /// <param name="admission">Whether it may be used; null where nobody starts it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onApart">Is told when writes of several shards could not share a call and do not for a while.</param>
    public EntityBuffer(
        RedisConnections redis,
        EntityTypeOptions options,
        WriteBehindOptions engine,
        IProtocolGate gate,
        Admission? admission = null,
        TimeProvider? time = null,
        Action<BufferUnavailableException>? onApart = null)
    {
        (_admission, _apart, _onApart) = (admission, new CallsApart(time ?? TimeProvider.System), onApart);
        _redis = redis;
        _options = options;
        _engine = engine;
        _gate = gate;
        Keys = new KeyLayout(engine.KeyPrefix, options.Type, options.Shards);
        _writers = new GroupBatcher<WriteRequest, WriteReply>[options.Shards];
        _readers = new GroupBatcher<string, BufferedEntity>[options.Shards];
        Epochs = new ShardEpochs(options.Shards);
        Memos = new OperationMemos(redis, options, Keys);
        FenceTimes = new FenceTimes(options.FenceTime, options.TombstoneFenceTime);
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

    /// <summary>What is remembered of operations.</summary>
    public OperationMemos Memos { get; }

    /// <summary>Whether a call may touch several shards.</summary>
    private bool AreShardsTogether => _redis.IsOneServer && ApartUntil is null;

    /// <summary>What Redis told last of each shard.</summary>
    public ShardEpochs Epochs { get; }

    /// <summary>How long fences last, and for how long knowledge counts.</summary>
    public FenceTimes FenceTimes { get; }

    /// <summary>What this process is flushing.</summary>
    public ClaimedItems Flushing { get; } = new();

    /// <summary>Names this process to Redis, which remembers its last write call.</summary>
    public string Process { get; } = RandomToken.Next();

    /// <summary>
    /// Whether a shard was seen to have come back empty since the last call: on a cluster one server may, and the others not.
    /// </summary>
    public bool TakeEmptied() => Epochs.TakeEmptied();

    /// <summary>
    /// Writes one entity, together with others that arrive meanwhile: of all shards where one server holds them, otherwise of its own. Sent
    /// once.
    /// </summary>
    public Task<WriteReply> WriteAsync(WriteRequest request)
    {
        _admission?.Check(_options.Type);
        Flushing.NoteWriting(request.Id);
        return (AreShardsTogether ? _overShards : _writers[Keys.ShardOf(request.Id)]).SendAsync(request);
    }

    /// <summary>Until when writes go shard by shard, as a call for several shards was refused; null where they share calls.</summary>
    public DateTimeOffset? ApartUntil => _apart.Until;

    /// <summary>Reads one entity, together with others of its shard that are asked for meanwhile.</summary>
    public Task<BufferedEntity> ReadAsync(string id)
    {
        _admission?.Check(_options.Type);
        return _readers[Keys.ShardOf(id)].SendAsync(id);
    }

    /// <summary>Reads many entities, in the order of the ids: one round trip per shard, or one for each 512 of a shard.</summary>
    public async Task<BufferedEntity[]> ReadManyAsync(IReadOnlyList<string> ids)
    {
        _admission?.Check(_options.Type);
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
        _admission?.Check(_options.Type);
        var keys = Keys[Keys.ShardOf(id)];
        var reply = await FillScript.Script.RunAsync(
            _redis,
            [keys.Epoch, keys.Entity(id), keys.Fence(id), keys.Dirty],
            [
                id,
                known.Epoch,
                known.KnownAt,
                (long)FenceTimes.Knowledge.TotalMilliseconds,
                known.Version,
                payload,
                (long)_options.CacheTtl.TotalMilliseconds],
            cancellationToken).ConfigureAwait(false);
        return reply.NextFlag();
    }

    /// <summary>Takes a clean entry out of Redis; false where there is none.</summary>
    public async Task<bool> EvictAsync(string id, CancellationToken cancellationToken)
    {
        var keys = Keys[Keys.ShardOf(id)];
        var reply = await EvictOneScript.Script.RunAsync(
            _redis, [keys.Entity(id), keys.Dirty, keys.Dead], [id], cancellationToken).ConfigureAwait(false);
        return reply.NextFlag();
    }

    /// <summary>
    /// Whether nothing of the type is dirty, as far as one cheap question tells: one command over all shards where one server holds them,
    /// one for each otherwise.
    /// </summary>
    /// <param name="withLetters">Whether dead letters count, too, and a pause of the flush.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task<bool> IsIdleAsync(bool withLetters, CancellationToken cancellationToken)
    {
        var shards = Enumerable.Range(0, Keys.Shards).Select(shard => Keys[shard]);
        IEnumerable<RedisKey[]> questions = shards.Select(keys => withLetters ? new[] { keys.Dirty, keys.Dead, keys.Pause } : [keys.Dirty]);
        if (AreShardsTogether)
        {
            questions = [[.. questions.SelectMany(static keys => keys)]];
        }

        try
        {
            var there = await Task.WhenAll(questions.Select(keys => _redis.RunAsync(
                database => database.KeyExistsAsync(keys, CommandFlags.DemandMaster), cancellationToken))).ConfigureAwait(false);
            return there.All(static count => count == 0);
        }
        catch (BufferUnavailableException e) when (!AreShardsTogether || e.InnerException is RedisServerException)
        {
            // It can't be asked so, or not everywhere; what comes next does without, or reports it.
            return false;
        }
    }

    /// <summary>Marks a kept state dirty again, where it still is that write and clean; the database has lost it.</summary>
    public async Task<bool> MarkDirtyAsync(string id, string nonce, CancellationToken cancellationToken)
    {
        var keys = Keys[Keys.ShardOf(id)];
        var reply = await MarkDirtyScript.Script.RunAsync(_redis, [keys.Dirty, keys.Entity(id)], [id, nonce], cancellationToken)
            .ConfigureAwait(false);
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
            [keys.Dirty, keys.Dead, keys.Epoch, keys.Pause],
            [until?.ToString(CultureInfo.InvariantCulture) ?? string.Empty],
            cancellationToken).ConfigureAwait(false);
        var (dirty, dead, age, now) = (reply.NextLong(), reply.NextLong(), reply.NextLong(), reply.NextLong());
        return new ShardBacklog(
            dirty,
            dead,
            age < 0 ? null : TimeSpan.FromMilliseconds(age),
            now,
            IsAhead: reply.NextFlag(),
            Refusal: reply.NextTextOrNone(),
            Pause: FlushPauses.Read(_options.Type, reply.NextText()));
    }

    private async Task<IReadOnlyList<WriteReply>> WriteBatchAsync(IReadOnlyList<WriteRequest> batch)
    {
        await ReachAsync(ProtocolStep.BeforeWrite, batch).ConfigureAwait(false);
        var isSmall = _options.MaxDirty < Keys.Shards;
        if (isSmall)
        {
            // Spread over shards so small a bound leaves none for some. At maxmemory this is refused as the write would be.
            await _redis.FindOneServerAsync(isNeeded: true, CancellationToken.None).ConfigureAwait(false);
        }

        var bound = new DirtyBound(_options.MaxDirty, Keys.Shards, IsPooled: isSmall && AreShardsTogether);
        var call = new WriteCall(batch, Keys, Epochs, Process, bound, FenceTimes, Memos);
        ScriptReply reply;
        try
        {
            reply = await RunWriteAsync(call).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (call.IsOverShards && RedisErrors.IsOfKeys(e))
        {
            // A proxy in front of several servers refuses keys of several slots; and an index that somebody made another kind of key is to
            // fail its own shard alone. The callers send their writes again, for a while shard by shard.
            if (_apart.Begin())
            {
                _onApart?.Invoke(e);
            }

            throw;
        }

        await ReachAsync(ProtocolStep.Written, batch).ConfigureAwait(false);
        var answers = call.Read(reply);
        for (var i = 0; i < answers.Length; i++)
        {
            if (answers[i].Status == WriteStatus.Ok)
            {
                Flushing.NoteWritten(batch[i].Id, answers[i].Known.Version);
            }
        }

        return answers;
    }

    private async Task<IReadOnlyList<BufferedEntity>> ReadShardAsync(int shard, IReadOnlyList<string> ids)
    {
        var keys = Keys[shard];
        var scriptKeys = new RedisKey[2 + (2 * ids.Count)];
        (scriptKeys[0], scriptKeys[1]) = (keys.Epoch, keys.Calls(Process));
        for (var i = 0; i < ids.Count; i++)
        {
            scriptKeys[2 + (2 * i)] = keys.Entity(ids[i]);
            scriptKeys[3 + (2 * i)] = keys.Fence(ids[i]);
        }

        var reply = await ReadScript.Script.RunAsync(_redis, scriptKeys, Epochs.Hearing(shard, FenceTimes), CancellationToken.None)
            .ConfigureAwait(false);
        var (time, epoch) = (reply.NextLong(), Epochs.Note(shard, reply.NextText()));
        Epochs.NoteTime(shard, time, isWrite: false);
        var entities = new BufferedEntity[ids.Count];
        for (var i = 0; i < entities.Length; i++)
        {
            entities[i] = ReadEntity(reply, time / 1000, epoch);
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
            var fence = reply.NextText();
            var known = new Knowledge(fenced, now, epoch, IsSaved: true, IsContested: Nonces.IsOfConflict(fence));
            return new(known, IsBuffered: false, null, Nonce: fence, IsOld: fenced > 0 && Nonces.IsOld(fence, epoch));
        }

        if (version == "error")
        {
            var error = reply.NextText();
            reply.Skip(4);
            return new(Knowledge.None, IsBuffered: true, null, error);
        }

        var (payload, isDeleted) = (reply.NextBytesOrNone() ?? [], reply.NextFlag());
        reply.Skip(1);
        var (isClean, nonce) = (reply.NextLong() >= 0, reply.NextText());
        var isOld = Nonces.IsOld(nonce, epoch);

        // A clean entry of before Redis went back is worth no more than its version, as a fence is.
        return new(
            new Knowledge(long.Parse(version, CultureInfo.InvariantCulture), now, epoch, IsSaved: isClean),
            IsBuffered: !(isOld && isClean),
            isDeleted ? null : payload,
            IsClean: isClean,
            Nonce: nonce,
            IsOld: isOld);
    }

    private static int SizeOf(WriteRequest request)
    {
        var size = request.Payload?.Length ?? 0;
        for (var i = 0; i < (request.Memos?.Length ?? 0); i++)
        {
            size += request.Memos![i].Memo.Result?.Length ?? 0;
        }

        return size;
    }

    private ValueTask ReachAsync(ProtocolStep step, IReadOnlyList<WriteRequest> batch)
        => _gate is OpenGate
            ? default
            : _gate.ReachAsync(step, _options.Type, [.. batch.Select(request => request.Id)], CancellationToken.None);

    /// <summary>
    /// Runs the write script, and waits for the replicas where that is asked for: on the connection that wrote, which only such writes use.
    /// </summary>
    private async Task<ScriptReply> RunWriteAsync(WriteCall call)
    {
        if (_engine.ReplicaAcknowledgements == 0)
        {
            return await call.Script.RunAsync(_redis, call.Keys, call.Arguments, CancellationToken.None).ConfigureAwait(false);
        }

        var database = await _redis.WaitingAsync(CancellationToken.None).ConfigureAwait(false);
        var reply = await call.Script.RunOnAsync(_redis, database, call.Keys, call.Arguments, CancellationToken.None).ConfigureAwait(false);
        try
        {
            await ReplicaWait.ForAsync(_redis, database, _engine).ConfigureAwait(false);
            return reply;
        }
        catch (BufferUnavailableException)
        {
            // It is there all the same, may be flushed from there, and its operations count. Were it not noted, a replica that takes over
            // without it would not be known to have gone back, and an operation that is repeated would count twice.
            _ = call.Read(reply);
            throw;
        }
    }
}

/// <summary>What Redis knows of an entity.</summary>
/// <param name="Known">The version of the buffered state, else of the fence, else 0, stamped.</param>
/// <param name="IsBuffered">Whether a state or tombstone is there; otherwise the database has the latest.</param>
/// <param name="Payload">The payload; null for a tombstone, or where nothing is buffered.</param>
/// <param name="Error">Where the entity's key holds something else than a hash: Redis' words.</param>
/// <param name="IsClean">Whether what is buffered is a mere cache entry.</param>
/// <param name="Nonce">The nonce of its write, or of its fence.</param>
/// <param name="IsOld">Whether it is of before Redis was seen to have gone back: then the database may have something newer.</param>
internal readonly record struct BufferedEntity(
    Knowledge Known, bool IsBuffered, byte[]? Payload, string? Error = null, bool IsClean = false, string Nonce = "", bool IsOld = false)
{
    /// <summary>Whether what Redis has goes without a look at the database.</summary>
    public bool IsCurrent => IsBuffered && !IsOld;

    /// <summary>
    /// Whether a row that was found (its version; null for none) is older than what was settled. Of before Redis went back a missing one
    /// says nothing: it may have been deleted since.
    /// </summary>
    public bool IsAheadOf(long? row) => row is { } version
        ? version < Known.Version && Nonces.IsOfWrite(Nonce)
        : !IsOld && Nonces.IsOfPut(Nonce);
}
