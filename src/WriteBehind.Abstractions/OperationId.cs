using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace WriteBehind;

/// <summary>
/// The names of operations that are to count once. A name begins with the time at which its caller made it, so that Redis, which keeps what
/// it knows of operations for a while only, can tell a new one from one that it may have forgotten.
/// </summary>
/// <remarks>
/// Two forms: a UUID of version 7, which may be followed by '/', ':', '.' or '-' and more; or milliseconds since 1970 as 13 digits, '-'
/// and more. At most <see cref="MaxLength"/> characters, printable ASCII without blanks. The time is that of the caller's clock; it may be
/// ahead of Redis' by five seconds. One that is behind makes the name older than it is: it is refused sooner.
/// </remarks>
public static class OperationId
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxLength = 128;

    /// <summary>A new name that nobody else has: a UUID of version 7. Make it before the first try, and keep it for all others.</summary>
    public static string New() => Guid.CreateVersion7().ToString();

    /// <summary>
    /// The name of an operation that has one of its own (an order's number, say). Every try has to give the same time.
    /// </summary>
    /// <param name="startedAt">When the operation was first asked for.</param>
    /// <param name="name">Its own name.</param>
    public static string New(DateTimeOffset startedAt, string name)
        => string.Create(CultureInfo.InvariantCulture, $"{startedAt.ToUnixTimeMilliseconds():0000000000000}-{name}");

    /// <summary>The time that a name carries; null where the text is not the name of an operation.</summary>
    public static DateTimeOffset? TimeOf(string operation)
    {
        ArgumentNullException.ThrowIfNull(operation);
        return OperationKey.TryRead(operation, out var key, out _) ? DateTimeOffset.FromUnixTimeMilliseconds(key.Time) : null;
    }
}

/// <summary>The name of an operation, checked.</summary>
/// <param name="Text">The name, its UUID in lower case.</param>
/// <param name="Time">When its caller made it, in ms since 1970.</param>
/// <param name="Uuid">Where it is a UUID and nothing else: that.</param>
internal readonly record struct OperationKey(string Text, long Time, Guid Uuid = default)
{
    private const int UuidLength = 36;
    private const int UuidBytes = 16;
    private const int DigitsOfTime = 13;

    /// <summary>The longest text of a name in Redis as it is; of a longer one it is a hash.</summary>
    private const int LongestField = 64;

    /// <summary>By how much a caller's clock may be ahead of Redis'. The scripts have it too.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(5);

    /// <exception cref="InvalidOperationIdException">The text is not the name of an operation.</exception>
    public static OperationKey Parse(string type, string entityId, string? operation)
        => TryRead(operation, out var key, out var reason)
            ? key
            : throw new InvalidOperationIdException(type, entityId, operation, reason);

    /// <summary>
    /// The name of the operation of an entity, in its shard: short, and no other's. A 'u', a UUID and the entity's id; or a 't', the text,
    /// a blank (which no operation's text has) and the id; or, where that is long, an 'h' and its SHA-256.
    /// </summary>
    public byte[] FieldOf(string entityId)
    {
        var idBytes = Encoding.UTF8.GetByteCount(entityId);
        if (Uuid != default && 1 + UuidBytes + idBytes <= LongestField)
        {
            var field = new byte[1 + UuidBytes + idBytes];
            field[0] = (byte)'u';
            Uuid.TryWriteBytes(field.AsSpan(1), bigEndian: true, out _);
            Encoding.UTF8.GetBytes(entityId, field.AsSpan(1 + UuidBytes));
            return field;
        }

        var text = Encoding.UTF8.GetBytes($"t{Text} {entityId}");
        return text.Length <= LongestField ? text : [(byte)'h', .. SHA256.HashData(text)];
    }

    public static bool TryRead(string? text, out OperationKey key, out string reason)
    {
        (key, reason) = (default, string.Empty);
        if (string.IsNullOrEmpty(text) || text.Length > OperationId.MaxLength)
        {
            reason = $"it must have 1 to {OperationId.MaxLength} characters.";
        }
        else if (text.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            reason = "it must be printable ASCII without blanks.";
        }
        else if (text.Length > DigitsOfTime + 1 && text[DigitsOfTime] == '-'
            && long.TryParse(text.AsSpan(0, DigitsOfTime), NumberStyles.None, CultureInfo.InvariantCulture, out var time))
        {
            key = new(text, time);
        }
        else if (text.Length >= UuidLength && text[14] == '7' && Guid.TryParseExact(text.AsSpan(0, UuidLength), "D", out var uuid)
            && (text.Length == UuidLength || text[UuidLength] is '/' or ':' or '.' or '-'))
        {
            Span<byte> bytes = stackalloc byte[UuidBytes];
            uuid.TryWriteBytes(bytes, bigEndian: true, out _);
            var lower = text.AsSpan(0, UuidLength).ContainsAnyInRange('A', 'Z')
                ? text[..UuidLength].ToLowerInvariant() + text[UuidLength..]
                : text;
            key = new(lower, (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16), text.Length == UuidLength ? uuid : default);
        }
        else
        {
            reason = "it must begin with its time: a UUID of version 7 (OperationId.New()), or milliseconds since 1970 as 13 digits and " +
                "a '-'. Without one nobody can tell a new operation from one that is too old to be known.";
        }

        return reason.Length == 0;
    }
}

/// <summary>The text can't name an operation (see <see cref="OperationId"/>). Nothing was written.</summary>
public sealed class InvalidOperationIdException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public InvalidOperationIdException(string entityType, string? entityId, string? operation, string reason)
        : base($"'{Shorten(operation)}' is not a valid operation id for {entityType} '{entityId}': {reason}", entityType, entityId)
        => (Operation, Reason) = (operation, reason);

    /// <summary>The text.</summary>
    public string? Operation { get => this.Fact<string>(); private init => this.Keep(value); }

    /// <summary>What is wrong with it, as a sentence.</summary>
    public string Reason { get => this.Fact<string>()!; private init => this.Keep(value); }

    private static string Shorten(string? text) => text is { Length: > 64 } ? string.Concat(text.AsSpan(0, 64), "…") : text ?? "(null)";
}

/// <summary>
/// Whether an operation has taken effect is not known any more, so it was not taken for a new one. Nothing was written. Look at the entity:
/// if the change is not in it, make it as a new operation.
/// </summary>
public sealed class OperationForgottenException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public OperationForgottenException(string entityType, string entityId, string operation, OperationDoubt doubt)
        : base(
            $"Whether the operation '{operation}' has changed {entityType} '{entityId}' is not known any more: " +
            doubt switch
            {
                OperationDoubt.Expired => $"it is older than OperationTime of '{entityType}'.",
                OperationDoubt.Dropped => "it is older than others that were dropped at a bound (MaxOperations, MaxOperationsPerEntity).",
                _ => "Redis lost what it knew of that time: it came back empty, or went back to an older state.",
            } +
            " Nothing was written; look at the entity, and if the change is not in it, make it under a new id.",
            entityType,
            entityId)
        => (Operation, Doubt) = (operation, doubt);

    /// <summary>The operation's id.</summary>
    public string Operation { get => this.Fact<string>()!; private init => this.Keep(value); }

    /// <summary>Why it is not known.</summary>
    public OperationDoubt Doubt { get => this.Fact<OperationDoubt>(); private init => this.Keep(value); }
}

/// <summary>Why it is not known whether an operation has taken effect.</summary>
public enum OperationDoubt
{
    /// <summary>It is older than <c>EntityTypeOptions.OperationTime</c>.</summary>
    Expired,

    /// <summary>
    /// It is as old as others that were dropped, as there were more than <c>EntityTypeOptions.MaxOperations</c> or
    /// <c>EntityTypeOptions.MaxOperationsPerEntity</c>.
    /// </summary>
    Dropped,

    /// <summary>Redis came back empty or went back after it was made.</summary>
    RedisLost,
}

/// <summary>
/// The id is that of another operation: it was used before for another method, or with another request. Nothing was written, and the answer
/// of that operation is not given away.
/// </summary>
public sealed class OperationMismatchException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public OperationMismatchException(string entityType, string entityId, string operation)
        : base(
            $"The operation '{operation}' has changed {entityType} '{entityId}' before, by another call or with another request. Nothing " +
            "was written; make a new id for each operation.",
            entityType,
            entityId)
        => Operation = operation;

    /// <summary>The operation's id.</summary>
    public string Operation { get => this.Fact<string>()!; private init => this.Keep(value); }
}

/// <summary>The result of an operation is longer than is kept. Nothing was written.</summary>
public sealed class OperationResultException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public OperationResultException(string entityType, string entityId, string operation, int length, int limit)
        : base(
            $"{entityType} '{entityId}' was not written: the result of the operation '{operation}' has {length} bytes, and " +
            $"MaxOperationResultBytes is {limit}. Return less (an id to look it up by, say), or raise the bound.",
            entityType,
            entityId)
        => (Operation, Length, Limit) = (operation, length, limit);

    /// <summary>The operation's id.</summary>
    public string Operation { get => this.Fact<string>()!; private init => this.Keep(value); }

    /// <summary>How long its result is, in bytes.</summary>
    public int Length { get => this.Fact<int>(); private init => this.Keep(value); }

    /// <summary>The bound, in bytes.</summary>
    public int Limit { get => this.Fact<int>(); private init => this.Keep(value); }
}
