namespace WriteBehind.Caching.Loading;

/// <summary>A value as the cache gives it.</summary>
/// <param name="Value">The value; null where there is none.</param>
/// <param name="Version">The version of the row, where it has one.</param>
internal readonly record struct Cached<T>(T? Value, long? Version)
    where T : class;
