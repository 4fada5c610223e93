namespace WriteBehind.Caching;

/// <summary>
/// A named cache-aside: values that any function loads, kept in Redis and, a short while, in this process. Got by name as a keyed service
/// (<c>[FromKeyedServices("pages")] ICache</c>), or unkeyed: the one that was added first. Safe for any number of concurrent callers.
/// </summary>
/// <remarks>
/// <para>Values are shared by their callers and must not be altered. A key is used with one type.</para>
/// <para>A loader may read other caches, but not load from its own: see <see cref="CacheOptions.MaxConcurrentLoads"/>.</para>
/// <para>Where Redis is away reads go to the loader, one at a time per key and <see cref="CacheOptions.MaxConcurrentLoads"/> in all.</para>
/// <para>There is no "set": of two writers that each change the database and then set, the one that comes second in the database may come
/// first here. Change the database, then remove; or use <see cref="IReadThroughCache{TState}"/>, whose rows have versions.</para>
/// </remarks>
public interface ICache
{
    /// <summary>The registered name.</summary>
    string Name { get; }

    /// <summary>
    /// Gives the cached value, or loads it: once, however many ask for it in however many processes. The loader outlives a caller
    /// that goes away, so it must not use what belongs to a request (a scoped DbContext); take a context from a factory.
    /// </summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="loader">Loads the value; null means that there is none, which is remembered too.</param>
    /// <param name="tags">By which groups the entry is to be invalidated; used where this call loads it.</param>
    /// <param name="cancellationToken">Gives up waiting; the load goes on for others.</param>
    /// <exception cref="CacheLoadException">The loader failed, and there is no stale value that may be given; its error is the
    /// cause.</exception>
    ValueTask<T?> GetOrLoadAsync<T>(
        string key, Func<CancellationToken, Task<T?>> loader, IReadOnlyCollection<string>? tags = null,
        CancellationToken cancellationToken = default)
        where T : class;

    /// <summary>
    /// The same for many keys: one round trip per shard for what Redis has, one more for what it lacks, and one call of the loader for all
    /// that have to be loaded. What the loader leaves out is absent. Absent ones are left out of the answer.
    /// </summary>
    /// <exception cref="CacheLoadException">As above; one error for all that were loaded together.</exception>
    Task<IReadOnlyDictionary<string, T>> GetOrLoadManyAsync<T>(
        IEnumerable<string> keys,
        Func<IReadOnlyList<string>, CancellationToken, Task<IReadOnlyDictionary<string, T>>> loader,
        IReadOnlyCollection<string>? tags = null,
        CancellationToken cancellationToken = default)
        where T : class;

    /// <summary>
    /// Removes an entry, here and on every node. A load that began before can't bring its old value back. Call it after the change is
    /// committed.
    /// </summary>
    /// <exception cref="BufferUnavailableException">
    /// Redis is away: the entry may live on until it expires. Call again; this process has dropped it from its first level.
    /// </exception>
    Task RemoveAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>The same for many keys: one round trip per shard.</summary>
    /// <exception cref="BufferUnavailableException">As above.</exception>
    Task RemoveAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default);

    /// <summary>Makes all entries of these tags obsolete in one step, however many they are; what is not read again expires.</summary>
    /// <exception cref="BufferUnavailableException">As above.</exception>
    Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default);

    /// <summary>Makes all entries obsolete in one step: the cache's keys get a new version.</summary>
    /// <exception cref="BufferUnavailableException">As above.</exception>
    Task RemoveAllAsync(CancellationToken cancellationToken = default);
}
