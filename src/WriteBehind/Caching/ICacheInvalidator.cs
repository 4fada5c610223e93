namespace WriteBehind.Caching;

/// <summary>
/// What feeds a cache with invalidations from outside, whatever the type of its values: a keyed service under the cache's name. The
/// listener to PostgreSQL uses it; an application's own source (a message bus, change data capture) can too.
/// </summary>
public interface ICacheInvalidator
{
    /// <summary>The registered name of the cache.</summary>
    string Name { get; }

    /// <summary>Removes entries, here and on every node.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task RemoveAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default);

    /// <summary>Makes all entries of a tag obsolete.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default);

    /// <summary>Makes all entries obsolete: what a source does that may have missed something.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task RemoveAllAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Whether this process is the one that feeds the cache, until the lease ends; call it again to make it last. One is enough: what it
    /// hears is told to all.
    /// </summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<bool> TryLeadAsync(TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>Lets another process take over at once.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task ResignAsync(CancellationToken cancellationToken = default);
}
