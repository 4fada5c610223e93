using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Buffer.Scripts;
using WriteBehind.Diagnostics;
using WriteBehind.Entities;
using WriteBehind.Flush;
using WriteBehind.Serialization;

namespace WriteBehind.DeadLetters;

/// <summary>The dead letters of one entity type.</summary>
internal sealed class DeadLetterBox(
    RedisConnections redis, KeyLayout keys, EntityTypeOptions options, TypeMetrics metrics, TimeProvider time, ILogger logger)
{
    private const int LongestError = 2_000;

    /// <summary>Sets an entity aside with its error; its state stays where it is. False where the entity moved on meanwhile.</summary>
    public Task<bool> SetAsideAsync(
        int shard, ClaimedEntity entity, DeadLetterReason reason, Exception error, int attempts, DateTimeOffset? firstAt)
        => SetAsideAsync(shard, entity, new StoredLetter
        {
            Version = entity.Version,
            Nonce = entity.Nonce,
            Reason = reason,
            Error = error.Message.Length > LongestError ? error.Message[..LongestError] : error.Message,
            Code = (error as SinkException)?.Code,
            Attempts = attempts,
            FirstFailedAt = firstAt ?? time.GetUtcNow(),
            SetAsideAt = time.GetUtcNow(),
        });

    /// <summary>Sets an entity aside that met a newer row: the row counts from now on, the state is kept in the letter.</summary>
    public Task<bool> SetAsideFencedAsync(int shard, ClaimedEntity entity, long storedVersion)
        => SetAsideAsync(shard, entity, new StoredLetter
        {
            Version = entity.Version,
            Nonce = entity.Nonce,
            Reason = DeadLetterReason.Fenced,
            Error = $"The database has version {storedVersion}. Redis seems to have lost writes; the newer row counts, and owners reload it.",
            Attempts = 1,
            FirstFailedAt = time.GetUtcNow(),
            SetAsideAt = time.GetUtcNow(),
            StoredVersion = storedVersion,
            IsDelete = entity.Payload is null,
            Payload = entity.Payload,
        });

    /// <summary>At most <paramref name="limit"/> letters, shard by shard.</summary>
    public async Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken cancellationToken)
    {
        var letters = new List<DeadLetter>();
        for (var shard = 0; shard < keys.Shards && letters.Count < limit; shard++)
        {
            var cursor = "0";
            do
            {
                var dead = keys[shard].Dead;
                var from = cursor;
                var reply = (RedisResult[])(await RunAsync(
                    dead,
                    db => db.ExecuteAsync("HSCAN", dead, from, "COUNT", Math.Min(limit, 1000)), cancellationToken).ConfigureAwait(false))!;
                cursor = (string)reply[0]!;
                var fields = (RedisResult[])reply[1]!;
                for (var i = 0; i + 1 < fields.Length && letters.Count < limit; i += 2)
                {
                    letters.Add(StoredLetter.FromBytes((byte[])fields[i + 1]!).ToPublic(options.Type, (string)fields[i]!));
                }
            }
            while (cursor != "0" && letters.Count < limit);
        }

        return letters;
    }

    /// <summary>The entities of one shard that are dead letters now.</summary>
    public async Task<IReadOnlyList<string>> IdsAsync(int shard, CancellationToken cancellationToken)
    {
        var dead = keys[shard].Dead;
        var ids = await RunAsync(dead, db => db.HashKeysAsync(dead), cancellationToken).ConfigureAwait(false);
        return Array.ConvertAll(ids, static id => (string)id!);
    }

    /// <summary>One letter with its state; null where there is none.</summary>
    public async Task<DeadLetterDetail?> ShowAsync(string id, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } letter)
        {
            return null;
        }

        if (letter.Reason == DeadLetterReason.Fenced)
        {
            return new(letter.ToPublic(options.Type, id), letter.IsDelete, BodyOf(letter.Payload));
        }

        var shard = keys[keys.ShardOf(id)];
        var fields = await redis.RunAsync(db => db.HashGetAsync(shard.Entity(id), [letter.MarkField, "d", "x"]), cancellationToken).ConfigureAwait(false);
        var isCurrent = fields[0] == letter.Mark;
        var isDelete = isCurrent && !fields[2].IsNull;
        return new(
            letter.ToPublic(options.Type, id), isDelete, BodyOf(isCurrent && !isDelete ? (byte[]?)fields[1] ?? [] : null));
    }

    /// <summary>Makes a dead entity dirty again.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="load">Loads the entity's current version, for a fenced one.</param>
    /// <param name="writer">Writes a fenced one's state on top.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<bool> RetryAsync(string id, Func<string, Task<Knowledge>> load, EntityWriter writer, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } letter)
        {
            return false;
        }

        if (letter.Reason != DeadLetterReason.Fenced)
        {
            var shard = keys[keys.ShardOf(id)];
            var revived = await redis.RunAsync(
                db => db.ScriptEvaluateAsync(DeadLetterScripts.Retry, [shard.Dirty, shard.Dead, shard.Entity(id)], [id, letter.MarkField, letter.Mark]),
                cancellationToken).ConfigureAwait(false);
            return (int)revived == 1;
        }

        var known = await load(id).ConfigureAwait(false);
        var reply = await writer.WriteAsync(id, known, letter.IsDelete ? null : letter.Payload).ConfigureAwait(false);
        return reply.Status switch
        {
            WriteStatus.Ok => true,
            WriteStatus.Full => throw new BufferFullException(options.Type, id, options.MaxDirty),
            _ => throw new WriteConflictException(options.Type, id, known.Version, reply.Known.Version),
        };
    }

    /// <summary>Drops a letter and its state.</summary>
    public async Task<bool> DiscardAsync(string id, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } letter)
        {
            return false;
        }

        var shard = keys[keys.ShardOf(id)];
        await redis.RunAsync(
            db => db.ScriptEvaluateAsync(
                DeadLetterScripts.Discard,
                [shard.Dirty, shard.Dead, shard.Entity(id), shard.Fence(id)],
                [id, letter.MarkField, letter.Mark, letter.Version + 1, (long)options.TombstoneFenceTime.TotalMilliseconds]),
            cancellationToken).ConfigureAwait(false);
        return true;
    }

    // In one conditional expression null would become an empty memory, not none.
    private static ReadOnlyMemory<byte>? BodyOf(byte[]? payload)
    {
        if (payload is null)
        {
            return null;
        }

        return PayloadCodec.BodyOf(payload);
    }

    private async Task<bool> SetAsideAsync(int shard, ClaimedEntity entity, StoredLetter letter)
    {
        var shardKeys = keys[shard];
        var fenced = letter.Reason == DeadLetterReason.Fenced;
        RedisValue storedVersion = fenced ? letter.StoredVersion : RedisValue.EmptyString;
        var set = await redis.RunAsync(
            db => db.ScriptEvaluateAsync(
                DeadLetterScripts.SetAside,
                [shardKeys.Dirty, shardKeys.Dead, shardKeys.Entity(entity.Id), shardKeys.Fence(entity.Id)],
                [entity.Id, entity.Nonce, letter.ToBytes(), storedVersion, (long)options.FenceTime.TotalMilliseconds]),
            CancellationToken.None).ConfigureAwait(false);
        if ((int)set == 0)
        {
            return false;
        }

        metrics.DeadLettered();
        FlushLog.DeadLettered(logger, options.Type, entity.Id, entity.Version, letter.Reason, letter.Error);
        return true;
    }

    private async Task<T> RunAsync<T>(RedisKey dead, Func<IDatabase, Task<T>> command, CancellationToken cancellationToken)
    {
        try
        {
            return await redis.RunAsync(command, cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (RedisErrors.IsWrongType(e))
        {
            throw new ForeignKeyException((string)dead!, e.InnerException!.Message, options.Type, cause: e);
        }
    }

    private async Task<StoredLetter?> FindAsync(string id, CancellationToken cancellationToken)
    {
        var dead = keys[keys.ShardOf(id)].Dead;
        var stored = await RunAsync(dead, db => db.HashGetAsync(dead, id), cancellationToken).ConfigureAwait(false);
        return stored.IsNull ? null : StoredLetter.FromBytes((byte[])stored!);
    }
}
