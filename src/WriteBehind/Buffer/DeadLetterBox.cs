using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>The dead letters of one entity type.</summary>
internal sealed partial class DeadLetterBox(
    RedisConnections redis, KeyLayout keys, EntityTypeOptions options, TypeMetrics metrics, TimeProvider time, ILogger logger)
{
    private const int LongestError = 2_000;

    /// <summary>Sets an entity aside with its error; its state stays where it is. False where the entity moved on meanwhile.</summary>
    public Task<bool> SetAsideAsync(
        ClaimItem item, DeadLetterReason reason, Exception error, int attempts, DateTimeOffset? firstAt)
        => SetAsideAsync(item, new StoredLetter
        {
            Version = item.Version,
            Nonce = item.Nonce,
            Reason = reason,
            Error = error.Message.Length > LongestError ? error.Message[..LongestError] : error.Message,
            Code = (error as SinkException)?.Code,
            Attempts = attempts,
            FirstFailedAt = firstAt ?? time.GetUtcNow(),
            SetAsideAt = time.GetUtcNow(),
        });

    /// <summary>Sets an entity aside that met a newer row: the row counts from now on, the state is kept in the letter.</summary>
    public Task<bool> SetAsideFencedAsync(ClaimItem item, long storedVersion)
        => SetAsideAsync(item, new StoredLetter
        {
            Version = item.Version,
            Nonce = item.Nonce,
            Reason = DeadLetterReason.Fenced,
            Error = $"The database has version {storedVersion}. Redis seems to have lost writes; the newer row counts, and owners reload " +
                "it.",
            Attempts = 1,
            FirstFailedAt = time.GetUtcNow(),
            SetAsideAt = time.GetUtcNow(),
            StoredVersion = storedVersion,
            IsDelete = item.Payload is null,
            Payload = item.Payload,
        });

    /// <summary>At most <paramref name="limit"/> letters, shard by shard.</summary>
    public async Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken cancellationToken)
    {
        var letters = new List<DeadLetter>();
        for (var shard = 0; shard < keys.Shards && letters.Count < limit; shard++)
        {
            var dead = keys[shard].Dead;
            var database = await redis.SharedAsync(cancellationToken).ConfigureAwait(false);
            var fields = database.HashScanAsync(dead, pageSize: Math.Min(limit, 1000)).GetAsyncEnumerator(cancellationToken);
            await using (fields.ConfigureAwait(false))
            {
                // One field at a time, so that the time-out is that of a page and not of all of them.
                while (letters.Count < limit
                    && await RunAsync(dead, _ => fields.MoveNextAsync().AsTask(), cancellationToken).ConfigureAwait(false))
                {
                    var field = fields.Current;
                    letters.Add(StoredLetter.FromBytes((byte[])field.Value!).ToPublic(options.Type, (string)field.Name!));
                }
            }
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
        var fields = await redis.RunAsync(
            db => db.HashGetAsync(shard.Entity(id), [letter.MarkField, "d", "x"]), cancellationToken).ConfigureAwait(false);
        var isCurrent = fields[0] == letter.Mark;
        var isDelete = isCurrent && !fields[2].IsNull;
        return new(
            letter.ToPublic(options.Type, id), isDelete, BodyOf(isCurrent && !isDelete ? (byte[]?)fields[1] ?? [] : null));
    }

    /// <summary>Makes a dead entity dirty again.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="rewrite">Writes the state of a fenced letter on top of what counts now; null is a delete.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<bool> RetryAsync(string id, Func<byte[]?, Task> rewrite, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } letter)
        {
            return false;
        }

        if (letter.Reason == DeadLetterReason.Fenced)
        {
            await rewrite(letter.IsDelete ? null : letter.Payload).ConfigureAwait(false);
            return true;
        }

        var shard = keys[keys.ShardOf(id)];
        var revived = await DeadLetterScripts.Retry.RunAsync(
            redis,
            [shard.Dirty, shard.Dead, shard.Entity(id)],
            [id, letter.MarkField, letter.Mark],
            cancellationToken).ConfigureAwait(false);
        return revived.NextFlag();
    }

    /// <summary>Drops a letter and its state.</summary>
    public async Task<bool> DiscardAsync(string id, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } letter)
        {
            return false;
        }

        var shard = keys[keys.ShardOf(id)];
        await DeadLetterScripts.Discard.RunAsync(
            redis,
            [shard.Dirty, shard.Dead, shard.Entity(id), shard.Fence(id)],
            [id, letter.MarkField, letter.Mark, letter.Version + 1, (long)options.TombstoneFenceTime.TotalMilliseconds],
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

    private async Task<bool> SetAsideAsync(ClaimItem item, StoredLetter letter)
    {
        var shardKeys = keys[item.Shard];
        var fenced = letter.Reason == DeadLetterReason.Fenced;
        RedisValue storedVersion = fenced ? letter.StoredVersion : RedisValue.EmptyString;
        var set = await DeadLetterScripts.SetAside.RunAsync(
            redis,
            [shardKeys.Dirty, shardKeys.Dead, shardKeys.Entity(item.Id), shardKeys.Fence(item.Id)],
            [item.Id, item.Nonce, letter.ToBytes(), storedVersion, (long)options.FenceTime.TotalMilliseconds],
            CancellationToken.None).ConfigureAwait(false);
        if (!set.NextFlag())
        {
            return false;
        }

        metrics.DeadLettered();
        DeadLettered(logger, options.Type, item.Id, item.Version, letter.Reason, letter.Error);
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
            throw new UnexpectedKeyException((string)dead!, e.InnerException!.Message, options.Type, cause: e);
        }
    }

    private async Task<StoredLetter?> FindAsync(string id, CancellationToken cancellationToken)
    {
        var dead = keys[keys.ShardOf(id)].Dead;
        var stored = await RunAsync(dead, db => db.HashGetAsync(dead, id), cancellationToken).ConfigureAwait(false);
        return stored.IsNull ? null : StoredLetter.FromBytes((byte[])stored!);
    }

    [LoggerMessage(
        4, LogLevel.Error, "{Type} '{Id}' at version {Version} is a dead letter ({Reason}): {Error} Its state is kept in Redis.")]
    private static partial void DeadLettered(ILogger logger, string type, string id, long version, DeadLetterReason reason, string error);
}

/// <summary>
/// Setting entities aside and getting them back. One entity a call: this is the rare path. Whether an entity moved on is told by the
/// nonce of its write, which stands for its version and for more (as when it is settled).
/// </summary>
internal static class DeadLetterScripts
{
    /// <summary>
    /// Sets an entity aside unless it moved on. KEYS: dirty, dead, entity, fence. ARGV: id, nonce, letter, then for a fenced one
    /// the row's version and the fence time in ms, else empty. Returns 1 where it was set aside.
    /// </summary>
    public static readonly RedisScript SetAside = new("""
        if (redis.call('HGET', KEYS[3], 'w') or '') ~= ARGV[2] then return 0 end
        -- The HDEL has no effect that lasts; but once a script has written, Redis lets it go on even at maxmemory.
        redis.call('HDEL', KEYS[2], ARGV[1])
        redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
        redis.call('ZREM', KEYS[1], ARGV[1])
        -- A fenced state leaves the entity key (the letter keeps it): the newer row counts, and the fence tells owners to reload.
        if ARGV[4] ~= '' then
          redis.call('DEL', KEYS[3])
          redis.call('SET', KEYS[4], ARGV[4] .. ':', 'PX', ARGV[5])
        end
        return 1
        """);

    /// <summary>
    /// Makes a dead entity dirty again. KEYS: dirty, dead, entity. ARGV: id, the field that marks the write and what it holds. Returns 1
    /// where it did, 0 where the entity no longer holds that write (a fenced one, whose state is in the letter).
    /// </summary>
    public static readonly RedisScript Retry = new("""
        if (redis.call('HGET', KEYS[3], ARGV[2]) or '') ~= ARGV[3] then return 0 end
        local time = redis.call('TIME')
        redis.call('HDEL', KEYS[2], ARGV[1])
        redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
        return 1
        """);

    /// <summary>
    /// Drops a dead entity's state for good. KEYS: dirty, dead, entity, fence. ARGV: id, the field that marks the write and
    /// what it holds, next version, fence time in ms.
    /// </summary>
    public static readonly RedisScript Discard = new("""
        redis.call('HDEL', KEYS[2], ARGV[1])
        if (redis.call('HGET', KEYS[3], ARGV[2]) or '') == ARGV[3] and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
          redis.call('DEL', KEYS[3])
          -- The fence is one past the dropped version, so that an owner which still holds the dropped state is refused and reloads.
          redis.call('SET', KEYS[4], ARGV[4] .. ':', 'PX', ARGV[5])
        end
        return 1
        """);
}

/// <summary>A dead letter as Redis holds it. Pinned by a snapshot file: names may be added, never changed.</summary>
internal sealed class StoredLetter
{
    [JsonPropertyName("v")]
    public long Version { get; init; }

    /// <summary>
    /// The nonce of the write, which tells it from another one of the same version; letters of earlier releases have none.
    /// </summary>
    [JsonPropertyName("w")]
    public string? Nonce { get; init; }

    [JsonPropertyName("reason")]
    public DeadLetterReason Reason { get; init; }

    [JsonPropertyName("error")]
    public string Error { get; init; } = string.Empty;

    [JsonPropertyName("code")]
    public string? Code { get; init; }

    [JsonPropertyName("attempts")]
    public int Attempts { get; init; }

    [JsonPropertyName("first")]
    public DateTimeOffset FirstFailedAt { get; init; }

    [JsonPropertyName("at")]
    public DateTimeOffset SetAsideAt { get; init; }

    [JsonPropertyName("stored")]
    public long StoredVersion { get; init; }

    /// <summary>Fenced only: whether the state was a tombstone.</summary>
    [JsonPropertyName("x")]
    public bool IsDelete { get; init; }

    /// <summary>Fenced only: the payload, which is nowhere else any more.</summary>
    [JsonPropertyName("d")]
    public byte[]? Payload { get; init; }

    /// <summary>The field of the entity by which it is seen to hold the rejected write still.</summary>
    [JsonIgnore]
    public string MarkField => string.IsNullOrEmpty(Nonce) ? "v" : "w";

    /// <summary>What that field holds then.</summary>
    [JsonIgnore]
    public string Mark => string.IsNullOrEmpty(Nonce) ? Version.ToString(CultureInfo.InvariantCulture) : Nonce;

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, StoredLetterJson.Default.StoredLetter);

    public static StoredLetter FromBytes(byte[] bytes)
        => JsonSerializer.Deserialize(bytes, StoredLetterJson.Default.StoredLetter) ?? new StoredLetter();

    public DeadLetter ToPublic(string type, string id)
        => new(type, id, Version, Reason, Error, Code, Attempts, FirstFailedAt, SetAsideAt, StoredVersion);
}

/// <summary>The serializer of <see cref="StoredLetter"/>.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StoredLetter))]
internal sealed partial class StoredLetterJson : JsonSerializerContext;
