namespace WriteBehind.Caching;

/// <summary>The settings of a read-through cache over the rows of a <typeparamref name="TState"/>.</summary>
public sealed class ReadThroughOptions<TState> : CacheOptions
    where TState : class
{
    internal ReadThroughOptions(string name)
        : base(name)
    {
    }

    /// <summary>The tags of a state, by which groups of entries are invalidated; default none. Absent rows have no tags. A row
    /// that it fails for, or gives wrong tags, is read and not cached; one that is to be written is refused.</summary>
    public Func<TState, IEnumerable<string>>? TagsOf { get; set; }

    /// <summary>
    /// How long a write-through may take at the database; default 10 s. An entry whose writer died is in doubt, and read past the cache,
    /// for one and a half times this.
    /// </summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(10);
}
