namespace WriteBehind.DeadLetters;

/// <summary>
/// The entities set aside, over all types. Members throw <see cref="UnknownEntityTypeException"/> for an unknown type,
/// <see cref="InvalidEntityIdException"/> for an id that can name no entity, <see cref="ForeignKeyException"/> where something else
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
    /// <returns>False where there is no such letter.</returns>
    Task<bool> DiscardAsync(string type, string id, CancellationToken cancellationToken = default);
}
