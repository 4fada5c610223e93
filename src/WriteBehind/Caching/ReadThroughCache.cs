using Microsoft.Extensions.Logging;

namespace WriteBehind.Caching;

/// <summary>
/// A read-through cache; see the interface. Rows come through the port that the flush pipeline uses, so any mapping it takes will do.
/// </summary>
internal sealed partial class ReadThroughCache<TState>(
    CacheParts parts, IEntitySink<TState> sink, ReadThroughOptions<TState> options, CacheWriteThrough<TState> writes)
    : IReadThroughCache<TState>
    where TState : class
{
    public string Name => options.Name;

    public ValueTask<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default)
    {
        CheckId(id);
        var reading = parts.Reader.GetAsync<TState>(id, LoadAsync, cancellationToken);
        return reading.IsCompletedSuccessfully ? new ValueTask<Entity<TState>?>(ToEntity(id, reading.Result)) : AwaitAsync(id, reading);

        static async ValueTask<Entity<TState>?> AwaitAsync(string id, ValueTask<Cached<TState>> reading)
            => ToEntity(id, await reading.ConfigureAwait(false));
    }

    public async Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(
        IEnumerable<string> ids, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        string[] distinct = [.. ids.Distinct(StringComparer.Ordinal)];
        Array.ForEach(distinct, CheckId);
        var read = await parts.Reader.GetManyAsync<TState>(distinct, LoadAsync, cancellationToken).ConfigureAwait(false);
        return read.Select(static pair => ToEntity(pair.Key, pair.Value))
            .OfType<Entity<TState>>()
            .ToDictionary(static entity => entity.Id, StringComparer.Ordinal);
    }

    public Task<long> SetAsync(string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        CheckId(id);
        return writes.WriteAsync(id, state, expectedVersion, cancellationToken);
    }

    public Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default)
    {
        CheckId(id);
        return writes.WriteAsync(id, null, expectedVersion, cancellationToken);
    }

    public Task RemoveAsync(string id, CancellationToken cancellationToken = default)
        => parts.Invalidator.RemoveAsync([id], cancellationToken);

    public Task RemoveAsync(IEnumerable<string> ids, CancellationToken cancellationToken = default)
        => parts.Invalidator.RemoveAsync(ids, cancellationToken);

    public Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default)
        => parts.Invalidator.RemoveTagAsync(tag, cancellationToken);

    public Task RemoveAllAsync(CancellationToken cancellationToken = default) => parts.Invalidator.RemoveAllAsync(cancellationToken);

    private static Entity<TState>? ToEntity(string id, Cached<TState> cached)
        => cached.Value is null ? null : new Entity<TState>(id, cached.Version ?? 0, cached.Value);

    private async Task<IReadOnlyDictionary<string, Loaded<TState>>> LoadAsync(
        IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = await sink.LoadAsync(ids, cancellationToken).ConfigureAwait(false);
        return rows.ToDictionary(
            static row => row.Id,
            row => new Loaded<TState>(row.State, row.Version, TagsOf(row.Id, row.State)),
            StringComparer.Ordinal);
    }

    /// <summary>
    /// The tags of a row that was loaded; null where they can't be told, which is logged: others of the same load are not to fail for it.
    /// </summary>
    private IReadOnlyCollection<string>? TagsOf(string id, TState state)
    {
        try
        {
            return RowTags.Of(options, state);
        }
#pragma warning disable CA1031 // The function is the application's, and may throw anything. That the row is not cached is all that follows.
        catch (Exception e)
#pragma warning restore CA1031
        {
            NotTagged(parts.Logger, e, Name, id);
            return null;
        }
    }

    private void CheckId(string id)
    {
        parts.Invalidator.CheckKey(id);
        if (sink.CheckId(id) is { } reason)
        {
            throw new InvalidEntityIdException(Name, id, reason);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "'{Id}' of cache '{Cache}' is not cached: TagsOf gave no tags that can be used.")]
    private static partial void NotTagged(ILogger logger, Exception error, string cache, string id);
}
