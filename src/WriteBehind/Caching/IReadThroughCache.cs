namespace WriteBehind.Caching;

/// <summary>
/// A read-through and write-through cache over the rows of a <typeparamref name="TState"/>, by their key's text as entity ids have it. What
/// <see cref="ICache"/> says of sharing, loading and invalidating holds here too.
/// </summary>
/// <remarks>
/// For types that are not written behind. One that is has its state in Redis already:
/// <see cref="IEntityStore{TState}"/> reads it from there, and with <see cref="AfterFlush.Keep"/> after the flush as well.
/// </remarks>
public interface IReadThroughCache<TState>
    where TState : class
{
    /// <summary>The registered name.</summary>
    string Name { get; }

    /// <summary>The row, from the cache or the database; null where there is none.</summary>
    /// <exception cref="CacheLoadException">The database failed, and there is no stale value that may be given.</exception>
    ValueTask<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// The same for many: one round trip per shard for what Redis has, one more for what it lacks, and one query for all of that. Absent
    /// ones are left out.
    /// </summary>
    /// <exception cref="CacheLoadException">As above.</exception>
    Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(IEnumerable<string> ids, CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes the row, then the cache. Returns once PostgreSQL has it. Whatever fails on the way, no older value is given afterwards: the
    /// entry is marked as in doubt before the row is touched, and read past the cache until the write is through or the mark ends.
    /// </summary>
    /// <param name="id">The row's id.</param>
    /// <param name="state">Its new state.</param>
    /// <param name="expectedVersion">
    /// Write only if this is the row's version (0: only if there is none, or one that was never written here). It is compared before the
    /// write, which is refused too where another one came in between; only a delete in between goes unnoticed.
    /// </param>
    /// <param name="cancellationToken">Gives up before the row is written; once it is sent, the write is waited for.</param>
    /// <returns>The version written.</returns>
    /// <exception cref="WriteConflictException">The row has another version; nothing was written.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away, so readers can't be warned; nothing was written.</exception>
    /// <exception cref="SinkException">PostgreSQL is away, or rejects the row; <see cref="SinkException.OutcomeUnknown"/> where it may have
    /// it.</exception>
    Task<long> SetAsync(string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Deletes the row, then remembers that there is none. As <see cref="SetAsync"/>; nothing happens where there is no row.
    /// </summary>
    /// <exception cref="WriteConflictException">The row has another version; nothing was deleted.</exception>
    Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default);

    /// <summary>Removes an entry, for rows that were changed past this cache. Call it after the change is committed.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away: the entry may live on until it expires.</exception>
    Task RemoveAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>The same for many.</summary>
    /// <exception cref="BufferUnavailableException">As above.</exception>
    Task RemoveAsync(IEnumerable<string> ids, CancellationToken cancellationToken = default);

    /// <summary>Makes all entries of a tag obsolete in one step.</summary>
    /// <exception cref="BufferUnavailableException">As above.</exception>
    Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default);

    /// <summary>Makes all entries obsolete in one step.</summary>
    /// <exception cref="BufferUnavailableException">As above.</exception>
    Task RemoveAllAsync(CancellationToken cancellationToken = default);
}
