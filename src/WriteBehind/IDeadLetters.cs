namespace WriteBehind;

/// <summary>
/// The entities set aside, over all types. Members throw <see cref="UnknownEntityTypeException"/> for an unknown type,
/// <see cref="InvalidEntityIdException"/> for an id that can name no entity, <see cref="UnexpectedKeyException"/> where something else
/// lies in the place of the letters, and <see cref="BufferUnavailableException"/> where Redis is away.
/// </summary>
public interface IDeadLetters
{
    /// <summary>Lists letters of a type, at most <paramref name="limit"/> of them, in no particular order.</summary>
    Task<IReadOnlyList<DeadLetter>> ListAsync(string type, int limit = 100, CancellationToken cancellationToken = default);

    /// <summary>Shows one letter with its state; null where there is none.</summary>
    Task<DeadLetterDetail?> ShowAsync(string type, string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes the entity dirty again, so that it is tried anew with all its attempts. For a fenced one its state is written again as
    /// the newest version, on top of the row that fenced it.
    /// </summary>
    /// <returns>False where there is no such letter.</returns>
    Task<bool> RetryAsync(string type, string id, CancellationToken cancellationToken = default);

    /// <summary>Retries every letter of a type, each once: those that die again meanwhile are left as they are.</summary>
    /// <returns>How many were made dirty again.</returns>
    Task<long> RetryAllAsync(string type, CancellationToken cancellationToken = default);

    /// <summary>
    /// Drops the letter and its state for good: what the database has counts again. Writers that still hold the dropped state are
    /// told so by a conflict.
    /// </summary>
    /// <returns>False where there is no such letter (any more: it was retried meanwhile, or the entity was written).</returns>
    Task<bool> DiscardAsync(string type, string id, CancellationToken cancellationToken = default);
}

/// <summary>An entity that was set aside because the database rejects it. Its acknowledged state is kept.</summary>
/// <param name="Type">The registered name of its type.</param>
/// <param name="Id">Its id.</param>
/// <param name="Version">The version that was rejected.</param>
/// <param name="Reason">Why it was set aside.</param>
/// <param name="Error">The last error, in the database's words.</param>
/// <param name="Code">The database's code (SQLSTATE); null where there is none.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="FirstFailedAt">When it was rejected first.</param>
/// <param name="SetAsideAt">When it was set aside.</param>
/// <param name="StoredVersion">For <see cref="DeadLetterReason.Fenced"/>: the version of the newer row.</param>
public sealed record DeadLetter(
    string Type,
    string Id,
    long Version,
    DeadLetterReason Reason,
    string Error,
    string? Code,
    int Attempts,
    DateTimeOffset FirstFailedAt,
    DateTimeOffset SetAsideAt,
    long StoredVersion);

/// <summary>A dead letter with the state that it holds.</summary>
/// <param name="Letter">The letter.</param>
/// <param name="IsDelete">True where the rejected write was a delete.</param>
/// <param name="Payload">The body of the payload (JSON by default); null for a delete, or where the entity has moved on.</param>
public sealed record DeadLetterDetail(DeadLetter Letter, bool IsDelete, ReadOnlyMemory<byte>? Payload);

/// <summary>Why an entity was set aside.</summary>
public enum DeadLetterReason
{
    /// <summary>The database rejects it.</summary>
    Rejected,

    /// <summary>Its payload can't be read.</summary>
    Unreadable,

    /// <summary>The database has a newer row. The row counts; this state is kept in the letter only.</summary>
    Fenced,

    /// <summary>
    /// A newer release of this library set it aside, for a reason that this one does not know; the letter's error says it. It can be
    /// retried and discarded as any other, unless nothing of the letter can be read: then both fail with <see cref="PayloadException"/>.
    /// </summary>
    Unknown,
}
