using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>The dead letters of one entity type.</summary>
internal sealed partial class DeadLetterBox(
    RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options, TypeMetrics metrics, TimeProvider time, ILogger logger)
{
    /// <summary>How long the state of a letter may take to be written anew; after that it may be discarded again.</summary>
    private static readonly TimeSpan LongestRewrite = TimeSpan.FromMinutes(1);

    private const CommandFlags Master = CommandFlags.DemandMaster;

    private readonly KeyLayout _keys = buffer.Keys;

    /// <summary>Sets an entity aside with its error; its state stays where it is. False where the entity moved on meanwhile.</summary>
    public Task<bool> SetAsideAsync(
        ClaimItem item, DeadLetterReason reason, Exception error, int attempts, DateTimeOffset? firstAt)
        => SetAsideAsync(item, StoredLetter.OfRejected(item, reason, error, attempts, firstAt, time.GetUtcNow()));

    /// <summary>Sets an entity aside that met a newer row: the row counts from now on, the state is kept in the letter.</summary>
    public Task<bool> SetAsideFencedAsync(ClaimItem item, long storedVersion)
        => SetAsideAsync(item, StoredLetter.OfFenced(item, storedVersion, time.GetUtcNow()));

    /// <summary>
    /// Lets go of a state of before Redis went back that the database has something newer of: no write is lost by that which Redis had not
    /// lost before. False where the entity moved on meanwhile.
    /// </summary>
    public async Task<bool> DropSupersededAsync(ClaimItem item, long storedVersion)
    {
        var dropped = await RunSetAsideAsync(item, RedisValue.EmptyString, storedVersion).ConfigureAwait(false);
        if (dropped)
        {
            metrics.Superseded();
            Superseded(logger, options.Type, item.Id, item.Version, storedVersion);
        }

        return dropped;
    }

    /// <summary>At most <paramref name="limit"/> letters, shard by shard.</summary>
    public async Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken cancellationToken)
    {
        var letters = new List<DeadLetter>();
        for (var shard = 0; shard < _keys.Shards && letters.Count < limit; shard++)
        {
            var dead = _keys[shard].Dead;
            var database = await redis.SharedAsync(cancellationToken).ConfigureAwait(false);
            var fields = database.HashScanAsync(dead, pageSize: Math.Min(limit, 1000), flags: Master).GetAsyncEnumerator(cancellationToken);
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
        var dead = _keys[shard].Dead;
        var ids = await RunAsync(dead, db => db.HashKeysAsync(dead, Master), cancellationToken).ConfigureAwait(false);
        return Array.ConvertAll(ids, static id => (string)id!);
    }

    /// <summary>One letter with its state; null where there is none.</summary>
    public async Task<DeadLetterDetail?> ShowAsync(string id, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } letter)
        {
            return null;
        }

        if (letter.HoldsState)
        {
            return new(letter.ToPublic(options.Type, id), letter.IsDelete, BodyOf(letter.Payload));
        }

        var shard = _keys[_keys.ShardOf(id)];
        var fields = await redis.RunAsync(
            db => db.HashGetAsync(shard.Entity(id), [letter.MarkField, "d", "x"], Master), cancellationToken).ConfigureAwait(false);
        var isCurrent = fields[0] == letter.Mark;
        var isDelete = isCurrent && !fields[2].IsNull;
        return new(
            letter.ToPublic(options.Type, id), isDelete, BodyOf(isCurrent && !isDelete ? (byte[]?)fields[1] ?? [] : null));
    }

    /// <summary>
    /// Makes a dead entity dirty again. False where there is no letter, or where others retry or have discarded it: of all who deal with a
    /// letter at once exactly one is told that he did.
    /// </summary>
    /// <param name="id">The entity.</param>
    /// <param name="rewrite">Writes the state of a fenced letter on top of what counts now; null is a delete.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<bool> RetryAsync(string id, Func<byte[]?, Task> rewrite, CancellationToken cancellationToken)
    {
        if (await FindBytesAsync(id, cancellationToken).ConfigureAwait(false) is not { } stored)
        {
            return false;
        }

        var letter = StoredLetter.FromBytes(stored);
        Readable(id, letter);
        var shard = _keys[_keys.ShardOf(id)];
        if (letter.HoldsState)
        {
            return await RewriteAsync(shard, id, stored, () => rewrite(letter.IsDelete ? null : letter.Payload), cancellationToken)
                .ConfigureAwait(false);
        }

        var revived = await DeadLetterScripts.Retry.RunAsync(
            redis,
            [shard.Dirty, shard.Dead, shard.Entity(id)],
            [id, letter.MarkField, letter.Mark],
            cancellationToken).ConfigureAwait(false);
        return revived.NextFlag();
    }

    /// <summary>Drops a letter and its state. False where there is none, or where it was taken back or replaced meanwhile.</summary>
    public async Task<bool> DiscardAsync(string id, CancellationToken cancellationToken)
    {
        if (await FindBytesAsync(id, cancellationToken).ConfigureAwait(false) is not { } stored)
        {
            return false;
        }

        var letter = StoredLetter.FromBytes(stored);
        Readable(id, letter);
        var shard = _keys[_keys.ShardOf(id)];
        var discarded = await DeadLetterScripts.Discard.RunAsync(
            redis,
            [shard.Dirty, shard.Dead, shard.Entity(id), shard.Fence(id), shard.Retry(id)],
            [id, letter.MarkField, letter.Mark, letter.Version + 1, (long)buffer.FenceTimes.Tombstone.TotalMilliseconds, stored],
            cancellationToken).ConfigureAwait(false);
        return discarded.NextFlag();
    }

    /// <summary>Has the state written anew, which takes the letter out, by one at a time.</summary>
    private async Task<bool> RewriteAsync(
        ShardKeys shard, string id, byte[] stored, Func<Task> rewrite, CancellationToken cancellationToken)
    {
        var me = RandomToken.Next();
        var taken = await DeadLetterScripts.Take.RunAsync(
            redis, [shard.Dead, shard.Retry(id)], [id, stored, (long)LongestRewrite.TotalMilliseconds, me], cancellationToken)
            .ConfigureAwait(false);
        if (!taken.NextFlag())
        {
            return false;
        }

        try
        {
            await rewrite().ConfigureAwait(false);
            return true;
        }
        finally
        {
            try
            {
                await DeadLetterScripts.GiveBack.RunAsync(redis, [shard.Retry(id)], [me], CancellationToken.None).ConfigureAwait(false);
            }
            catch (BufferUnavailableException)
            {
                // It ends by itself.
            }
        }
    }

    /// <summary>A letter that only its own release can read is for that release to deal with.</summary>
    private void Readable(string id, StoredLetter letter)
    {
        if (letter.IsUnreadable)
        {
            throw new PayloadException(
                PayloadProblem.NewerSchema,
                $"The dead letter of {options.Type} '{id}' can't be read by this release, so it is left as it is: {letter.Error} " +
                "Use the release that wrote it.",
                options.Type,
                id);
        }
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
        RedisValue storedVersion = letter.Reason == DeadLetterReason.Fenced ? letter.StoredVersion : RedisValue.EmptyString;
        if (!await RunSetAsideAsync(item, letter.ToBytes(), storedVersion).ConfigureAwait(false))
        {
            return false;
        }

        metrics.DeadLettered();
        DeadLettered(logger, options.Type, item.Id, item.Version, letter.Reason, letter.Error);
        return true;
    }

    private async Task<bool> RunSetAsideAsync(ClaimItem item, RedisValue letter, RedisValue storedVersion)
    {
        var shard = _keys[item.Shard];
        var set = await DeadLetterScripts.SetAside.RunAsync(
            redis,
            [shard.Dirty, shard.Dead, shard.Entity(item.Id), shard.Fence(item.Id), shard.Epoch],
            [item.Id, item.Nonce, letter, storedVersion, (long)buffer.FenceTimes.Longest.TotalMilliseconds],
            CancellationToken.None).ConfigureAwait(false);
        return set.NextFlag();
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
        => await FindBytesAsync(id, cancellationToken).ConfigureAwait(false) is { } stored ? StoredLetter.FromBytes(stored) : null;

    private async Task<byte[]?> FindBytesAsync(string id, CancellationToken cancellationToken)
    {
        var dead = _keys[_keys.ShardOf(id)].Dead;
        return await RunAsync(dead, db => db.HashGetAsync(dead, id, Master), cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(
        4, LogLevel.Error, "{Type} '{Id}' at version {Version} is a dead letter ({Reason}): {Error} Its state is kept in Redis.")]
    private static partial void DeadLettered(ILogger logger, string type, string id, long version, DeadLetterReason reason, string error);

    [LoggerMessage(
        11,
        LogLevel.Warning,
        "{Type} '{Id}' at version {Version} was let go: it is of before Redis went back, and the database has version {StoredVersion}.")]
    private static partial void Superseded(ILogger logger, string type, string id, long version, long storedVersion);
}

/// <summary>A dead letter as Redis holds it. Pinned by a snapshot file: names may be added, never changed.</summary>
internal sealed class StoredLetter
{
    private const int LongestError = 2_000;

    [JsonPropertyName("v")]
    public long Version { get; init; }

    /// <summary>
    /// The nonce of the write, which tells it from another one of the same version; letters of earlier releases have none.
    /// </summary>
    [JsonPropertyName("w")]
    public string? Nonce { get; init; }

    /// <summary>
    /// The name of the reason, which a newer release may have and this one not; null for <see cref="DeadLetterReason.Rejected"/>.
    /// </summary>
    [JsonPropertyName("reason")]
    public string? ReasonName { get; init; }

    [JsonIgnore]
    public DeadLetterReason Reason
    {
        get => ReasonName is null ? DeadLetterReason.Rejected
            : Enum.TryParse<DeadLetterReason>(ReasonName, out var known) && Enum.GetName(known) == ReasonName ? known
            : DeadLetterReason.Unknown;
        init => ReasonName = value == DeadLetterReason.Rejected ? null : value.ToString();
    }

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

    /// <summary>Whether nothing of it can be read.</summary>
    [JsonIgnore]
    public bool IsUnreadable { get; private init; }

    /// <summary>Whether the state is in the letter, and nowhere else.</summary>
    [JsonIgnore]
    public bool HoldsState => Reason == DeadLetterReason.Fenced || Payload is not null || IsDelete;

    /// <summary>The field of the entity by which it is seen to hold the rejected write still.</summary>
    [JsonIgnore]
    public string MarkField => string.IsNullOrEmpty(Nonce) ? "v" : "w";

    /// <summary>What that field holds then.</summary>
    [JsonIgnore]
    public string Mark => string.IsNullOrEmpty(Nonce) ? Version.ToString(CultureInfo.InvariantCulture) : Nonce;

    /// <summary>Of an entity whose state stays where it is.</summary>
    public static StoredLetter OfRejected(
        ClaimItem item, DeadLetterReason reason, Exception error, int attempts, DateTimeOffset? firstAt, DateTimeOffset now)
        => new()
        {
            Version = item.Version,
            Nonce = item.Nonce,
            Reason = reason,
            Error = error.Message.Length > LongestError ? error.Message[..LongestError] : error.Message,
            Code = (error as SinkException)?.Code,
            Attempts = attempts,
            FirstFailedAt = firstAt ?? now,
            SetAsideAt = now,
        };

    /// <summary>Of an entity that met a newer row, with its state.</summary>
    public static StoredLetter OfFenced(ClaimItem item, long storedVersion, DateTimeOffset now) => new()
    {
        Version = item.Version,
        Nonce = item.Nonce,
        Reason = DeadLetterReason.Fenced,
        Error = storedVersion == item.Version
            ? $"The database has version {storedVersion}, too, but of another write: another program raised the row's version, or " +
                "Redis lost writes and gave the number out twice. The row counts, and owners reload it."
            : $"The database has version {storedVersion}. Another program raised the row's version, or Redis lost writes; the newer " +
                "row counts, and owners reload it.",
        Attempts = 1,
        FirstFailedAt = now,
        SetAsideAt = now,
        StoredVersion = storedVersion,
        IsDelete = item.Payload is null,
        Payload = item.Payload,
    };

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, StoredLetterJson.Default.StoredLetter);

    /// <summary>Reads one, as far as this release can: a letter that can't be read is shown as that, and stops no other.</summary>
    public static StoredLetter FromBytes(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, StoredLetterJson.Default.StoredLetter) ?? Unreadable("it is empty.");
        }
        catch (JsonException e)
        {
            return Unreadable(e.Message);
        }

        static StoredLetter Unreadable(string why) => new()
        {
            Reason = DeadLetterReason.Unknown,
            Error = $"It is not a dead letter as this release writes them: {why}",
            IsUnreadable = true,
        };
    }

    private string PublicError
        => Reason == DeadLetterReason.Unknown && !IsUnreadable ? $"A newer release set it aside ({ReasonName}): {Error}" : Error;

    public DeadLetter ToPublic(string type, string id)
        => new(type, id, Version, Reason, PublicError, Code, Attempts, FirstFailedAt, SetAsideAt, StoredVersion);
}

/// <summary>The serializer of <see cref="StoredLetter"/>.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StoredLetter))]
internal sealed partial class StoredLetterJson : JsonSerializerContext;
