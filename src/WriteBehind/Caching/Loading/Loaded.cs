namespace WriteBehind.Caching.Loading;

/// <summary>A value as a loader gives it.</summary>
/// <param name="Value">The value; null where there is none.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="Tags">Its tags; null for a value where they can't be told: it is given, and not stored, as no removal of a tag would reach it.</param>
internal readonly record struct Loaded<T>(T? Value, long? Version, IReadOnlyCollection<string>? Tags)
    where T : class;
