using System.Runtime.CompilerServices;

namespace WriteBehind;

/// <summary>The base of every error this library raises. It names the entity wherever there is one.</summary>
/// <remarks>
/// What an error knows beside its message is in its <see cref="Exception.Data"/>, under <c>WriteBehind.</c> and the property's name. So it
/// is in a log that writes these, and it crosses a wire on which the error's type is not known.
/// </remarks>
public abstract class WriteBehindException : Exception
{
    /// <summary>Creates the error.</summary>
    protected WriteBehindException(string message, string? entityType = null, string? entityId = null, Exception? cause = null)
        : base(message, cause)
    {
        EntityType = entityType;
        EntityId = entityId;
    }

    /// <summary>The registered type name of the entity concerned, where there is one.</summary>
    public string? EntityType { get => this.Fact<string>(); private init => this.Keep(value); }

    /// <summary>The id of the entity concerned, where there is one.</summary>
    public string? EntityId { get => this.Fact<string>(); private init => this.Keep(value); }
}

/// <summary>
/// The entity type has reached its bound of unflushed entities (<c>EntityTypeOptions.MaxDirty</c>) and this entity is
/// not among them. Nothing was written. Rewriting an entity that is dirty already is always accepted.
/// </summary>
public sealed class BufferFullException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public BufferFullException(string entityType, string entityId, long maxDirty)
        : base(
            $"{entityType} '{entityId}' was refused: '{entityType}' has reached MaxDirty ({maxDirty} entities, spread evenly over its " +
            "shards). PostgreSQL is behind or away; slow down and try again, or raise MaxDirty if Redis has the memory.",
            entityType,
            entityId)
        => MaxDirty = maxDirty;

    /// <summary>The bound that was reached, in entities of the type.</summary>
    public long MaxDirty { get => this.Fact<long>(); private init => this.Keep(value); }
}

/// <summary>Redis could not be reached or refused to work. The cause is the inner exception.</summary>
public sealed class BufferUnavailableException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public BufferUnavailableException(
        string message, bool outcomeUnknown = false, string? entityType = null, string? entityId = null, Exception? cause = null)
        : base(message, entityType, entityId, cause)
        => OutcomeUnknown = outcomeUnknown;

    /// <summary>
    /// True where a write was sent and its answer never came: it may have been applied or not. Load the entity to find out.
    /// False where nothing was written for certain.
    /// </summary>
    public bool OutcomeUnknown { get => this.Fact<bool>(); private init => this.Keep(value); }
}

/// <summary>The id can't name an entity. Nothing was written.</summary>
public sealed class InvalidEntityIdException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public InvalidEntityIdException(string entityType, string? entityId, string reason, Exception? cause = null)
        : base($"'{Shorten(entityId)}' is not a valid id for {entityType}: {reason}", entityType, entityId, cause)
        => Reason = reason;

    /// <summary>What is wrong with it, as a sentence.</summary>
    public string Reason { get => this.Fact<string>()!; private init => this.Keep(value); }

    private static string Shorten(string? id) => id is { Length: > 64 } ? string.Concat(id.AsSpan(0, 64), "…") : id ?? "(null)";
}

/// <summary>A state could not be turned into a payload, or a stored payload not into a state.</summary>
public sealed class PayloadException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public PayloadException(PayloadProblem problem, string message, string entityType, string? entityId, Exception? cause = null)
        : base(message, entityType, entityId, cause)
        => Problem = problem;

    /// <summary>What is wrong with it.</summary>
    public PayloadProblem Problem { get => this.Fact<PayloadProblem>(); private init => this.Keep(value); }
}

/// <summary>What can be wrong with a payload.</summary>
public enum PayloadProblem
{
    /// <summary>The state can't be serialised (a cycle, NaN or infinity, an unsupported member). Nothing was written.</summary>
    NotSerializable,

    /// <summary>The serialised state is longer than <c>EntityTypeOptions.MaxPayloadBytes</c>. Nothing was written.</summary>
    TooLarge,

    /// <summary>The stored bytes are not a payload of this library, or their content can't be read.</summary>
    Unreadable,

    /// <summary>The stored payload was written by a newer release of the application. A process of that release can read it.</summary>
    NewerSchema,
}

/// <summary>
/// The writer's knowledge of the entity was out of date: somebody else wrote in between, or what it took for absent exists. Nothing was
/// written. Load the entity again and decide anew.
/// </summary>
public sealed class WriteConflictException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public WriteConflictException(string entityType, string entityId, long expectedVersion, long currentVersion)
        : base(
            (expectedVersion == 0 && currentVersion == 0
                ? $"{entityType} '{entityId}' exists, as a row whose version is 0, but the writer expected it not to. "
                : $"{entityType} '{entityId}' is at version {currentVersion}, but the writer expected {expectedVersion}: somebody else " +
                    "wrote in between. ") +
            "Nothing was written; load the entity again and repeat the change.",
            entityType,
            entityId)
    {
        ExpectedVersion = expectedVersion;
        CurrentVersion = currentVersion;
    }

    /// <summary>The version the writer believed to be the current one; 0 where it believed that the entity does not exist.</summary>
    public long ExpectedVersion { get => this.Fact<long>(); private init => this.Keep(value); }

    /// <summary>The version found.</summary>
    public long CurrentVersion { get => this.Fact<long>(); private init => this.Keep(value); }
}

/// <summary>
/// A write that was to be in PostgreSQL before it returned is accepted and safe in Redis, and PostgreSQL does not have it. It counts: reads
/// give it, and it is flushed as any write behind is. Do not repeat it. The inner exception says what was in the way:
/// <see cref="FlushIncompleteException"/> (time was over), <see cref="EntityRejectedException"/> (PostgreSQL does not take it) or
/// <see cref="FlushPausedException"/> (an operator has paused the flush).
/// </summary>
public sealed class WriteThroughException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public WriteThroughException(string entityType, string entityId, long version, WriteBehindException cause)
        : base(
            $"{entityType} '{entityId}' is buffered in Redis as version {version} and not in PostgreSQL yet: {cause?.Message} The write " +
            "is accepted; do not repeat it.",
            entityType,
            entityId,
            cause)
        => Version = version;

    /// <summary>The version that Redis has.</summary>
    public long Version { get => this.Fact<long>(); private init => this.Keep(value); }
}

/// <summary>
/// What is configured contradicts what is found at start-up: another shard count or layout in Redis, a Redis that may lose
/// data where a durable one is required, a table or column that does not exist. The message names the setting and the way out.
/// </summary>
public sealed class ConfigurationException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public ConfigurationException(string setting, string message, string? entityType = null, Exception? cause = null)
        : base(message, entityType, null, cause)
        => Setting = setting;

    /// <summary>The setting concerned.</summary>
    public string Setting { get => this.Fact<string>()!; private init => this.Keep(value); }
}

/// <summary>A key of this library in Redis holds something that this library did not put there. It is left as it is.</summary>
public sealed class UnexpectedKeyException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public UnexpectedKeyException(string key, string problem, string entityType, string? entityId = null, Exception? cause = null)
        : base(
            $"The key '{key}' in Redis holds something that this library did not write ({problem}). Look who wrote it there, and delete " +
            "or rename it.",
            entityType,
            entityId,
            cause)
        => (Key, Problem) = (key, problem);

    /// <summary>The key.</summary>
    public string Key { get => this.Fact<string>()!; private init => this.Keep(value); }

    /// <summary>What is wrong with it, in Redis' words.</summary>
    public string Problem { get => this.Fact<string>()!; private init => this.Keep(value); }
}

/// <summary>No entity type of that name (or of that state type) is registered.</summary>
public sealed class UnknownEntityTypeException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public UnknownEntityTypeException(string entityType, IEnumerable<string> known)
        : this(entityType, [.. known])
    {
    }

    private UnknownEntityTypeException(string entityType, string[] known)
        : base(
            $"No entity type '{entityType}' is registered. Register it with AddEntity<TState>(\"{entityType}\"); registered are: " +
            $"{string.Join(", ", known)}.",
            entityType)
        => Known = known;

    /// <summary>The names that are registered.</summary>
    public IReadOnlyList<string> Known { get => this.Fact<string[]>() ?? []; private init => this.Keep(value); }
}

/// <summary>What errors know, in their <see cref="Exception.Data"/>: texts, numbers and times alone, which any process can read.</summary>
internal static class ErrorFacts
{
    /// <summary>What its names begin with.</summary>
    public const string Prefix = "WriteBehind.";

    public static void Keep(this Exception error, object? value, [CallerMemberName] string name = "")
    {
        if (value is not null)
        {
            error.Data[Prefix + name] = value is Enum word ? word.ToString() : value;
        }
    }

    public static T? Fact<T>(this Exception error, [CallerMemberName] string name = "") => error.Data[Prefix + name] switch
    {
        T value => value,
        string word when typeof(T).IsEnum && Enum.TryParse(typeof(T), word, out var value) => (T)value,
        _ => default,
    };
}
