using WriteBehind.Common;

namespace WriteBehind.Caching;

/// <summary>
/// Makes entries obsolete: first level, Redis, first level again. The first time, because Redis may be away; the second, because a read
/// in between may have brought the old value back. The other nodes hear of it from Redis.
/// </summary>
internal sealed class Invalidator(ICacheStore store, LocalLevel local, CacheMetrics metrics) : ICacheInvalidator
{
    public string Name => store.Name;

    public Task RemoveAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        string[] distinct = [.. keys.Distinct(StringComparer.Ordinal)];
        Array.ForEach(distinct, CheckKey);
        return distinct.Length == 0 ? Task.CompletedTask : RunAsync(
            () => Array.ForEach(distinct, local.Drop),
            () => store.InvalidateKeysAsync(distinct, cancellationToken),
            $"{distinct.Length} keys");
    }

    public Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default)
    {
        TagText.Check([tag]);
        return RunAsync(() => local.DropTagged([tag]), () => store.InvalidateTagsAsync([tag], cancellationToken), $"the tag '{tag}'");
    }

    public Task RemoveAllAsync(CancellationToken cancellationToken = default)
        => RunAsync(local.Clear, () => store.InvalidateAllAsync(cancellationToken), "all entries");

    public Task<bool> TryLeadAsync(TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lease, TimeSpan.FromMilliseconds(1));
        return store.LeadAsync(lease, cancellationToken);
    }

    public Task ResignAsync(CancellationToken cancellationToken = default) => store.LeadAsync(TimeSpan.Zero, cancellationToken);

    public void CheckKey(string key) => Names.CheckId(store.Name, key);

    private async Task RunAsync(Action drop, Func<Task> invalidate, string what)
    {
        drop();
        try
        {
            await invalidate().ConfigureAwait(false);
            metrics.Sent();
        }
        catch (BufferUnavailableException e)
        {
            metrics.RedisFailed();
            throw new BufferUnavailableException(
                $"Whether {what} of cache '{store.Name}' became invalid is not certain: {e.Message} Try again; until then old values may " +
                "be read until they expire.",
                e.OutcomeUnknown,
                store.Name,
                cause: e);
        }
        finally
        {
            drop();
        }
    }
}

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
