namespace WriteBehind.Caching.ReadThrough;

/// <summary>The registration of a read-through cache.</summary>
internal sealed class ReadThroughRegistration<TState>(ReadThroughOptions<TState> options) : ICacheRegistration
    where TState : class
{
    public CacheOptions Options => options;

    public IEnumerable<string> Validate(IReadOnlyCollection<EntityTypeOptions> entities)
    {
        foreach (var failure in CacheOptionsValidator.Validate(options, WriteMark.LifeOf(options.WriteTimeout)))
        {
            yield return failure;
        }

        // Its latest state is in Redis before it is in the table: a copy of the row would hide a buffered write.
        if (entities.FirstOrDefault(static entity => entity.StateType == typeof(TState)) is { } buffered)
        {
            yield return $"The cache '{options.Name}' is over {typeof(TState).Name}, which is written behind as '{buffered.Type}': its rows lag behind, and a copy would " +
                $"hide acknowledged writes. Read it through IEntityStore<{typeof(TState).Name}>, whose states are in Redis already, and set AfterFlush.Keep to have them there " +
                "after the flush too.";
        }
    }
}
