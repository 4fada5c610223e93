namespace WriteBehind.Caching.Loading;

/// <summary>Loads values by their keys; what it leaves out is absent.</summary>
internal delegate Task<IReadOnlyDictionary<string, Loaded<T>>> BatchLoader<T>(IReadOnlyList<string> keys, CancellationToken cancellationToken)
    where T : class;
